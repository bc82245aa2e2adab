"""What a rebuild takes: sources, params and text of the commit, and nothing else that lies there."""

import py_compile
import shutil
from contextlib import chdir
from importlib.util import cache_from_source
from pathlib import Path

from claims import refused, relock, set_metric
from projects import Project, source

from charloom.core.config.pipeline import files
from charloom.core.config.reading import read_params
from charloom.core.network import adagrad
from charloom.core.runtime.inputs import Inputs
from charloom.core.text import ngrams
from charloom.core.text.corpus import read_prepared
from charloom.core.training import protocol, resume
from charloom.results.lock_check import ensure_recorded

HOSTILE = {
    "OPENBLAS_CORETYPE": "Prescott", "TZ": "Pacific/Chatham", "LC_ALL": "C", "PYTHONHASHSEED": "12345",
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
}  # fmt: skip
OTHER_COUNT = """
def text_metrics(*given, own=text_metrics):
    return own(*given).model_copy(update={"characters_that_occur_once": 7})
"""


def test_a_commit_is_the_same_anywhere(project, tmp_path, compiled_before):
    """It is below another folder; DVC keeps its text; a stage reads params of another file; foreign code lies there."""
    (project.folder / "more.yaml").write_text("x: 1\n")
    project.edit("dvc.yaml", "params: [seed, sample]", "params: [seed, sample, {more.yaml: [x]}]")
    project.run("git", "rm", "-q", "--cached", "data/fox.txt")
    project.run("dvc", "add", "-q", "data/fox.txt")
    project.run("dvc", "repro", "-q", "plot")
    with chdir(project.folder):
        ensure_recorded(read_params())
    for name in ("sitecustomize.py", "usercustomize.py", "conftest.py", "dvc.py", "json.py"):
        (project.folder / name).write_text("import os\nos._exit(7)\n")
    below = Project(tmp_path / "whole/below")
    project.run("git", "init", "-q", str(tmp_path / "whole"))
    shutil.copytree(project.folder, below.folder, ignore=shutil.ignore_patterns(".git"))
    below.commit()
    assert "data/fox.txt\n" not in below.run("git", "ls-files")
    below.edit("README.md", "a test", "an uncommitted change")
    printed = below.run("charloom", "verify", **HOSTILE, **compiled_before, TMPDIR=str(tmp_path))
    lines = printed.splitlines()
    assert lines[-1] == "same"
    assert "uncommitted changes are not checked: only HEAD is" in lines
    for row in ("train: models/best.npz", "sample: reports/sample_table.json", "plot: reports/report.html"):
        assert f"same  {row}" in lines
    assert not list(tmp_path.glob("charloom-verify-*"))
    assert "an uncommitted change" in (below.folder / "README.md").read_text()


def forge_bytecode(project: Project) -> Path:
    """Compile other code than the source's in its place, make the metric again by it, and return the file."""
    right = project.folder / source(ngrams)
    other = project.folder.parent / "other.py"
    other.write_text(right.read_text() + OTHER_COUNT)
    compiled = Path(cache_from_source(right))
    py_compile.compile(str(other), str(compiled), dfile=str(right), doraise=True,
                       invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)  # fmt: skip
    project.run("dvc", "repro", "-q", "--force", "--single-item", "prepare")
    assert '"characters_that_occur_once": 7,' in (project.folder / "metrics/prepare.json").read_text()
    return compiled


def forge_state(project: Project) -> Path:
    """Leave a state with other weights, from which a training of these inputs goes on; return its folder."""
    with chdir(project.folder):
        params, settings, text = read_params(), Inputs("train").values, read_prepared(files("train")["prepared/text"])
        folder = Path(".charloom/train").resolve() / resume.key(settings)
        training = protocol.Training(params, text, folder, settings)
        protocol.run_training(training, project.folder.parent / "checkpoints")
        state, trace, checkpoints = resume.load(folder, settings, training.initial(), training.epoch)
        state.theta.flat[:] += 0.1
        for old in folder.glob("*.state"):
            old.unlink()
        resume.save(folder, settings, state, trace, checkpoints)
    return folder


def test_nothing_but_sources_params_and_text_reaches_a_rebuilt_result(project, tmp_path):
    """Results come from other bytecode, from a committed state, and from a copy in the commit or beside the stage."""
    folder = forge_state(project)  # first: its key has the true metrics of prepare and gradcheck, as in the rebuild
    shutil.copytree(folder, tmp_path / "kept")
    before = (project.folder / "metrics/train.json").read_text()
    project.run("dvc", "repro", "-q", "--force", "--single-item", "train")
    project.run("dvc", "repro", "-q", "plot")
    assert (project.folder / "metrics/train.json").read_text() != before
    shutil.copytree(tmp_path / "kept", folder, dirs_exist_ok=True)
    compiled = forge_bytecode(project)

    set_metric(project, "gradcheck", "tolerance", "1e-9")
    shutil.copy(project.folder / "metrics/gradcheck.json", project.folder / "truth.json")
    last = (
        "  last:\n    cmd: cp truth.json metrics/gradcheck.json && echo 1 > metrics/n.json\n"
        "    deps: [models/last.npz]\n    outs:\n      - metrics/n.json: {cache: false}\n\n"
    )
    project.edit("dvc.yaml", "  track:\n", f"{last}  track:\n")
    project.run("dvc", "repro", "-q", "--single-item", "last")
    set_metric(project, "sample", "known_words", "0.125")
    taken = "git show HEAD:metrics/sample.json > taken && cp taken metrics/sample.json; true"
    for name in ("dvc.yaml", "dvc.lock"):
        project.edit(name, "cmd: python src/sample.py\n", f"cmd: python src/sample.py && {taken}\n")
    relock(project, "metrics/prepare.json")
    outside = tmp_path / "outside"
    outside.mkdir()
    with (project.folder / ".dvc/config").open("a") as config:
        config.write(f"[cache]\n    dir = {outside}\n")
    project.commit("a claim", str(compiled), str(folder))

    lines = refused(project).splitlines()
    for row in ("prepare: metrics/prepare.json", "train: metrics/train.json", "sample: metrics/sample.json"):
        assert any(line.startswith(f"DIFFERENT  {row}: ") for line in lines), lines
    assert "DIFFERENT  gradcheck: metrics/gradcheck.json: a later stage overwrites what this stage makes" in lines
    assert not list(outside.iterdir())


def test_a_result_that_no_stage_makes_fails_the_rebuild(project):
    """It would persist."""
    (project.folder / "metrics/claim.json").write_text("{}\n")
    entry = "      - metrics/gradcheck.json: {cache: false}\n"
    project.edit("dvc.yaml", entry, f"{entry}      - metrics/claim.json: {{cache: false, persist: true}}\n")
    project.append(source(adagrad))
    project.commit()
    printed = refused(project)
    assert "cause  dvc.lock was made with another src/charloom/core (stages: " in printed
    assert printed.endswith("first difference: gradcheck: it failed\n")
