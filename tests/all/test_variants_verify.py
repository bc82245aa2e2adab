"""More false things that would be called the same or recorded, by what is claimed. None of them passes."""

import os
import py_compile
import re
import shutil
import sys
from contextlib import chdir
from pathlib import Path

import pytest
from projects import called, said, started, until
from test_tampered import relock

from charloom.base.errors import CheckFailed
from charloom.commands import cli
from charloom.proof import rebuild
from charloom.settings.dvc_lock import ensure_recorded, locked
from charloom.settings.params import read_params
from charloom.settings.pipeline import Inputs, files
from charloom.text.corpus import read_prepared
from charloom.training import protocol, resume


@pytest.fixture(autouse=True)
def _compiled_once(monkeypatch, tmp_path_factory):
    """Let every rebuilding here use the same compiled kernel: it is named by its sources' hash."""
    kept, dvc = str(tmp_path_factory.getbasetemp().parent / "compiled"), rebuild.dvc
    monkeypatch.setattr(
        rebuild, "dvc", lambda *arguments, **options: dvc(*arguments, **options | {"NUMBA_CACHE_DIR": kept})
    )


def commit(project, *forced: str) -> None:
    project.run("git", "add", "-A")
    if forced:
        project.run("git", "add", "-f", *forced)
    project.run("git", "commit", "-q", "-m", "a claim")


def verified(project) -> str:
    """Return what verify prints of a claim that it must not call the same."""
    with chdir(project.folder):
        code, printed, complaint = called(cli.main, "charloom", "verify", "--statement", "statement.json")
    assert code, printed
    assert not (project.folder / "statement.json").exists()
    return printed + complaint


def digit(project, name: str = "metrics/sample.json") -> None:
    """Edit a digit of a metric."""
    path = project.folder / name
    text = path.read_text()
    found = list(re.finditer(r"\d", text))[-1]
    path.write_text(f"{text[: found.start()]}{(int(found[0]) + 1) % 10}{text[found.end() :]}")


def command(project, stage: str, more: str) -> None:
    """Let the stage's command do more, in dvc.yaml and as if it had, in dvc.lock."""
    for name in ("dvc.yaml", "dvc.lock"):
        project.edit(name, f"cmd: python src/{stage}.py\n", f"cmd: python src/{stage}.py {more}\n")


def test_a_result_that_its_stage_takes_from_the_commit_itself_is_not_called_the_same(project):
    digit(project)
    relock(project, "metrics/sample.json")
    command(project, "sample", "&& git show HEAD:metrics/sample.json > metrics/sample.json")
    commit(project)
    assert "metrics/sample.json" in verified(project)


def test_a_result_that_a_later_stage_puts_back_is_not_called_the_same(project):
    digit(project)
    (project.folder / "metrics/sample.json").rename(project.folder / "truth.json")
    project.edit("dvc.yaml", "  track:\n", "  last:\n"
                 "    cmd: cp truth.json metrics/sample.json && echo 1 > metrics/n.json\n"
                 "    outs:\n      - metrics/n.json: {cache: false}\n\n  track:\n")  # fmt: skip
    project.run("dvc", "repro", "-q", "--single-item", "last")
    relock(project, "metrics/sample.json")
    commit(project)
    assert "metrics/sample.json" in verified(project)


def test_an_edited_result_is_named_where_a_stage_writes_into_the_other_clone(project):
    digit(project)
    command(project, "sample", "&& cp metrics/sample.json ../committed/metrics/ || true")
    commit(project)
    assert "metrics/sample.json" in verified(project)


def test_an_edited_result_behind_a_link_from_one_clone_to_the_other_is_named(project):
    """The link leads to its own repository where that is in a folder `committed`, as verify's first clone is."""
    digit(project)
    (project.folder / "metrics").rename(project.folder / "truth")
    (project.folder / "metrics").symlink_to("../committed/truth")
    commit(project, "metrics", "truth")
    verified(project)


CLAIM = '{"accuracy": 1.0}\n'
GRADCHECK = "      - metrics/gradcheck.json: {cache: false}\n"


def second_key(project):
    entry = "      - metrics/train.json: {cache: false}\n"
    project.edit("dvc.yaml", entry, f"{entry}        metrics/claim.json: {{cache: false, persist: true}}\n")


def top_level(project):
    project.edit("dvc.yaml", "\nplots: ", "\nmetrics: [metrics/claim.json]\n\nplots: ")


def foreach(project):
    project.edit(
        "dvc.yaml",
        "  track:\n",
        "  claims:\n    foreach: [claim]\n    do:\n      cmd: 'true'\n"
        "      metrics:\n        - metrics/${item}.json: {cache: false, persist: true}\n\n  track:\n",
    )


def subfolder(project):
    (project.folder / "metrics/dvc.yaml").write_text("stages:\n  claim:\n    cmd: 'true'\n    metrics:\n"
                                                     "      - claim.json: {cache: false, persist: true}\n")  # fmt: skip


@pytest.mark.parametrize("declare", [second_key, top_level, foreach, subfolder], ids=lambda each: each.__name__)
def test_a_metric_that_no_stage_makes_is_not_called_the_same(project, declare):
    (project.folder / "metrics/claim.json").write_text(CLAIM)
    declare(project)
    commit(project, "metrics")
    assert "metrics/claim.json" in project.run("dvc", "metrics", "show")
    printed = verified(project)
    assert "claim" in printed or "not rebuilt" in printed or "its stages were not run" in printed


def test_an_edited_file_that_dvc_keeps_and_git_too_is_named(project):
    """DVC would refuse it, but for a line in its config, which is committed."""
    config = project.folder / ".dvc/config"
    config.write_text(config.read_text().replace("[core]\n", "[core]\n    no_scm = true\n"))
    path = project.folder / "reports/sample_table.json"
    text = path.read_text()
    path.unlink()
    path.write_text(text.replace("the", "teh", 3))
    commit(project, "reports/sample_table.json")
    assert "DIFFERENT  sample: reports/sample_table.json" in verified(project)


def test_a_model_by_another_path_with_a_word_of_its_own_in_dvc_yaml_is_compared(project):
    project.edit("dvc.yaml", "      - models/best.npz\n", "      - models/best.npz: {meta: {varies: it does}}\n")
    project.edit("dvc.yaml", "models/best.npz", "reports/../models/best.npz")
    lock = (project.folder / "dvc.lock").read_text().replace("models/best.npz", "reports/../models/best.npz")
    lock = re.sub(r"(models/best.npz\n +hash: md5\n +md5: )\w+", rf"\g<1>{'f' * 32}", lock)
    (project.folder / "dvc.lock").write_text(lock)
    commit(project)
    verified(project)


def test_results_of_bytecode_that_is_no_sources_are_not_called_the_same(project):
    source = project.folder / "src/charloom/sampling/quality.py"
    text = source.read_text()
    other = project.folder.parent / "other.py"
    other.write_text(text.replace("known_words=", "known_words=1.0 or ", 1))
    assert other.read_text() != text
    compiled = source.parent / "__pycache__" / f"quality.{sys.implementation.cache_tag}.pyc"
    before = (project.folder / "metrics/sample.json").read_text()
    py_compile.compile(str(other), str(compiled), dfile=str(source), doraise=True,
                       invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)  # fmt: skip
    project.run("dvc", "repro", "-q", "--force", "--single-item", "sample")
    assert (project.folder / "metrics/sample.json").read_text() != before
    project.run("dvc", "repro", "-q", "--single-item", "plot")
    commit(project, str(compiled))
    verified(project)


def test_a_training_that_goes_on_from_a_committed_state_is_not_called_the_same(project):
    kept = project.folder.parent / "kept"
    with chdir(project.folder):
        params, path = read_params(), files("train")
        settings, text = Inputs("train").values, read_prepared(path["prepared/text"])
        folder = Path(".charloom/train").resolve() / resume.key(settings)
        training = protocol.Training(params, text, folder, settings)
        protocol.run(training, project.folder.parent / "checkpoints", lambda *_: None)
        state, trace, checkpoints = resume.load(folder, settings, training.initial(), training.epoch)
        state.theta.flat[:] += 0.1
        for old in folder.glob("*.state"):
            old.unlink()
        resume.save(folder, settings, state, trace, checkpoints)
        shutil.copytree(folder, kept)
    before = (project.folder / "metrics/train.json").read_text()
    project.run("dvc", "repro", "-q", "--force", "--single-item", "train")
    assert (project.folder / "metrics/train.json").read_text() != before
    project.run("dvc", "repro", "-q", "plot")
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    commit(project, str(folder))
    verified(project)


def test_a_text_that_is_not_in_the_repository_is_named(project, tmp_path):
    text = shutil.move(project.folder / "data/fox.txt", tmp_path / "fox.txt")
    project.edit("params.yaml", "data/fox.txt", str(text))
    project.run("dvc", "repro", "-q", "plot")
    commit(project)
    verified(project)


def test_a_replaced_commit_is_not_what_is_called_the_same(project):
    """Git shows another HEAD here than everybody else gets."""
    digit(project)
    commit(project)
    false = project.run("git", "rev-parse", "HEAD").strip()
    project.run("git", "replace", false, "HEAD~1")
    project.run("git", "reset", "-q", "--hard")
    assert "metrics/sample.json" in verified(project)


def test_an_edited_result_is_named_whatever_line_ends_git_writes(project):
    (project.folder / ".gitattributes").write_text("metrics/*.json text eol=lf working-tree-encoding=UTF-8\n")
    digit(project)
    commit(project, ".gitattributes")
    assert "metrics/sample.json" in verified(project)


def test_code_beside_the_sources_is_not_run(project):
    """No stage imports conftest.py or sitecustomize.py of this folder."""
    for name in ("sitecustomize.py", "usercustomize.py", "conftest.py", "dvc.py", "json.py"):
        (project.folder / name).write_text("import os\nos._exit(7)\n")
    commit(project)
    printed, _ = said(project, "verify", code=0)
    assert printed.endswith("same\n")


def test_params_behind_a_link_are_refused(project, tmp_path):
    shutil.move(project.folder / "params.yaml", tmp_path / "params.yaml")
    (project.folder / "params.yaml").symlink_to(tmp_path / "params.yaml")
    commit(project)
    assert "link" in verified(project)


def test_a_link_to_itself_is_no_traceback(project):
    (project.folder / "loop").symlink_to("loop")
    digit(project)
    commit(project)
    assert "Traceback" not in verified(project)


# What is outside


def test_an_output_outside_of_the_clone_is_not_removed(project, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("somebody's")
    project.edit("dvc.yaml", GRADCHECK, f"{GRADCHECK}      - {outside}: {{cache: false}}\n")
    commit(project)
    verified(project)
    assert (outside / "precious").exists()


def test_a_cache_outside_is_not_written_to(project, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    with (project.folder / ".dvc/config").open("a") as config:
        config.write(f"[cache]\n    dir = {outside}\n")
    digit(project)  # it is refused for that
    commit(project)
    verified(project)
    assert not list(outside.iterdir())


def test_a_text_is_not_brought_through_a_link_out_of_the_clone(project, tmp_path):
    project.run("git", "rm", "-q", "--cached", "data/fox.txt")
    project.run("dvc", "add", "-q", "data/fox.txt")
    added = (project.folder / "data/fox.txt.dvc").read_text()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "fox.txt.dvc").write_text(added)
    (project.folder / "data/below").symlink_to(outside)
    (project.folder / "data/other.dvc").write_text(added.replace("path: fox.txt", "path: below/fox.txt"))
    project.edit("params.yaml", "data/fox.txt", "data/below/fox.txt")
    commit(project)
    verified(project)
    assert [each.name for each in outside.iterdir()] == ["fox.txt.dvc"]


# Edits while a stage runs, or as it ends


def recorded(project) -> None:
    """Do what `track` does before it records."""
    with chdir(project.folder):
        assert locked()["train"].params["seed"] == 2
        ensure_recorded(read_params())


def edited_as_it_ends(project, declare=lambda _: None) -> None:
    """Train with seed 1; as the training ends DVC notes seed 2."""
    declare(project)
    edit = "sed -i '/^seed/s/1/2/' params.yaml"
    project.edit("dvc.yaml", "cmd: python src/train.py\n", f"cmd: python src/train.py && {edit}\n")
    project.run("dvc", "repro", "-q", "plot")
    assert "seed: 2 " in (project.folder / "params.yaml").read_text()
    project.run("dvc", "repro", "-q", "plot")


def test_an_edit_with_the_time_put_back_is_not_recorded(project):
    for old, new in (("updates: 400", "updates: 60000"), ("checkpoint_every: 200", "checkpoint_every: 10000"),
                     ("save_every: 100", "save_every: 2000")):  # fmt: skip
        project.edit("params.yaml", old, new)
    before = project.states()
    process = started(project, "dvc", "repro", "train")
    until(lambda: set(project.states()) - set(before), 120)
    path = project.folder / "params.yaml"
    times = path.stat()
    project.edit("params.yaml", "seed: 1 ", "seed: 2 ")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    if process.wait(timeout=300):
        assert "seed was 1, is 2" in (project.folder / "printed.txt").read_text()
        return
    project.run("dvc", "repro", "-q", "plot")
    with pytest.raises(CheckFailed, match="seed was 1, is 2"):
        recorded(project)


def no_change(project):
    """Leave dvc.yaml as it is."""


def curve_as_plot(project):
    """Name a curve as DVC names curves."""
    project.edit("dvc.yaml", "      - plots/smooth_loss.csv: {cache: false}\n", "")
    project.edit(
        "dvc.yaml",
        "    metrics:    # what",
        "    plots:\n      - plots/smooth_loss.csv: {cache: false}\n    metrics:    # what",
    )


def ignored(project):
    """Leave a file that DVC does not look at among the outputs' folder."""
    with (project.folder / ".dvcignore").open("a") as file:
        file.write("0*.npz\n")


@pytest.mark.parametrize("declare", [no_change, curve_as_plot, ignored], ids=lambda each: each.__name__)
def test_an_edit_as_training_ends_is_not_recorded(project, declare):
    edited_as_it_ends(project, declare)
    with pytest.raises(CheckFailed, match=r"seed was 1, is 2|models/checkpoints"):
        recorded(project)


def test_a_stage_that_reads_params_of_another_file_too_is_recorded(project):
    """A true record."""
    (project.folder / "more.yaml").write_text("x: 1\n")
    project.edit("dvc.yaml", "params: [seed, sample]", "params: [seed, sample, {more.yaml: [x]}]")
    project.run("dvc", "repro", "-q", "plot")
    with chdir(project.folder):
        ensure_recorded(read_params())
    commit(project)
    assert said(project, "verify", code=0)
