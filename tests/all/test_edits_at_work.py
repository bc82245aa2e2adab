"""Edits at moments of each stage and of whole `dvc repro`s, drawn by the week. No record names what was not used."""

import os
import re
import time
from contextlib import chdir

import numpy as np
import pytest
from filelock import FileLock
from projects import SMALL, Project, copied, make, seed_of_the_week, started, until

from charloom.base.errors import CheckFailed
from charloom.base.storage import sha256
from charloom.proof.outputs import outputs
from charloom.settings.dvc_lock import ensure_recorded, locked
from charloom.settings.params import read_params
from charloom.settings.pipeline import Project as Folder

LONGER = SMALL | {
    "updates: 400": "updates: 60000",
    "checkpoint_every: 200": "checkpoint_every: 10000",
    "save_every: 100": "save_every: 10000",
    "length: 200": "length: 5000",
}
EDITS = {  # what is edited: text that is there, and what is written instead
    "params": ("params.yaml", "seed: 1 ", "seed: 2 "),
    "a param that few read": ("params.yaml", "seq_length: 10 ", "seq_length: 11 "),
    "text": ("data/fox.txt", "the quick", "The quick"),
    "a room": ("src/charloom/base/terminal.py", '"""', '"""So: '),
    "another room": ("src/charloom/settings/memory.py", '"""', '"""Now: '),
    "script": ("src/{stage}.py", '"""{stage}', '"""The {stage}'),
    "dvc.yaml": ("dvc.yaml", "src/{stage}.py, src", "src/{stage}.py, README.md, src"),
    "dvc.lock, by hand": ("dvc.lock", "seed: 1\n", "seed: 3\n"),
}
FATES = ("stays", "only touches", "gets the old time")
DRAWN = 5  # of the edits, for each stage
REPEATED = 3  # whole pipelines with an edit
SAID = ("seed was", "seq_length was", "README.md", "not recorded")  # or the file's name
BLIND = 0.5  # seconds around a stage's end, on a busy machine, between its last look and its end


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Project]:
    """Finished projects, each made from nothing: with seed 1, seed 2, the edited text. All workers share them."""
    base = tmp_path_factory.getbasetemp().parent
    projects = {name: Project(base / f"at-work-{name}") for name in ("1", "2", "text")}
    with FileLock(base / "at-work.lock"):
        for name, project in projects.items():
            if not (project.folder / "dvc.lock").exists():
                make(project.folder, LONGER | {"seed: 1 ": f"seed: {2 if name == '2' else 1} "})
                if name == "text":
                    edit_at(project, 0, EDITS["text"], "stays")
                project.run("dvc", "repro")
    return projects


def results(project: Project, stage: str) -> dict[str, str]:
    """Return SHA-256 of each file that the stage makes, by its path."""
    paths = [project.folder / output.path for output in outputs(Folder(project.folder)) if output.stage == stage]
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("[!.]*")) if file.is_file()]
    return {str(file.relative_to(project.folder)): sha256(file) for file in files}


def edit_at(project: Project, moment: float, edit: tuple[str, str, str], fate: str) -> float:
    """Edit the file at that moment of the monotonic clock, and return when that was done."""
    name, old, new = edit
    path = project.folder / name
    time.sleep(max(0, moment - time.monotonic()))
    content, times = path.read_text(), path.stat()
    path.write_text(content if fate == "only touches" else content.replace(old, new, 1))
    if fate == "gets the old time":
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    return time.monotonic()


def ended(project: Project, stage: str) -> float:
    """Run the stage without an edit, and return how many seconds it takes."""
    began = time.monotonic()
    project.run("python", f"src/{stage}.py")
    return time.monotonic() - began


def ensure_true_runs(project: Project, made: dict[str, Project]) -> set[str]:
    """Compare each complete run in MLflow with the run made from nothing; return the names of the latter in `made`.

    An edit of the text that comes before `prepare` has read it is an input as any other.
    """
    fresh, names = {}, set()
    for name, other in made.items():
        (run,) = other.runs()
        fresh[run.data.tags["charloom.text_sha256"], run.data.params["seed"]] = name, run.data.tags["charloom.results"]
    for run in project.runs():
        tags = run.data.tags
        assert "charloom.differs_from" not in tags
        if "charloom.results" in tags:
            name, results_hash = fresh[tags["charloom.text_sha256"], run.data.params["seed"]]
            assert tags["charloom.results"] == results_hash
            names.add(name)
    return names


@pytest.mark.parametrize("stage", ["prepare", "gradcheck", "train", "sample", "plot", "track"])
def test_a_stage_that_ends_well_has_used_the_inputs_that_are_there(made, tmp_path, stage):
    """DVC then notes them as used. An edit after the last look is tolerated: see the tests below."""
    project = copied(made["1"], tmp_path / "project")
    took, right = ended(project, stage), results(project, stage)
    drawn = np.random.default_rng([seed_of_the_week(), *stage.encode()])
    for what in drawn.choice(list(EDITS), size=DRAWN, replace=False):
        name, *_ = edit = tuple(each.format(stage=stage) for each in EDITS[what])
        path, fate = project.folder / name, str(drawn.choice(FATES))
        whole = path.read_text()
        project.run("rm", "-rf", ".charloom/train")  # it would resume
        process = started(project, "python", f"src/{stage}.py")
        moment = time.monotonic() + drawn.uniform(0, took)
        edited = edit_at(project, moment, edit, fate)
        code, before = process.wait(timeout=300), time.monotonic() - edited
        print(f"{what} {fate} {before:.3f} s before the stage's end: exit {code}")
        if code:
            printed = (project.folder / "printed.txt").read_text()
            assert code == 1, printed
            assert any(words in printed for words in (name, *SAID)), printed
        elif path.read_text() == whole:
            assert results(project, stage) == right
        elif stage != "track":  # the edit came before the stage had read anything: then it was used
            noted = results(project, stage)
            ended(project, stage)
            assert noted == results(project, stage) or before < BLIND
        path.write_text(whole)
    ended(project, stage)
    assert results(project, stage) == right
    if stage == "track":
        until(lambda: not project.senders(), 120, every=0.2)
        assert ensure_true_runs(project, made) == {"1"}


def test_after_edits_at_any_moment_of_a_repro_all_is_as_if_it_had_been_made_from_nothing(made, tmp_path):
    project = copied(made["1"], tmp_path / "project")
    began = time.monotonic()
    project.run("dvc", "repro", "--force")
    took = time.monotonic() - began
    drawn = np.random.default_rng(seed_of_the_week())
    for what in drawn.choice(["params", "text", "a room", "another room"], size=REPEATED):
        name, *_ = edit = EDITS[what]
        whole, fate = (project.folder / name).read_text(), str(drawn.choice(FATES[:2]))
        process = started(project, "dvc", "repro", "--force")
        edit_at(project, time.monotonic() + drawn.uniform(0, took), edit, fate)
        code, printed = process.wait(timeout=300), (project.folder / "printed.txt").read_text()
        print(f"{what} {fate}: exit {code}")
        assert code == 0 or any(words in printed for words in (name, *SAID)), printed
        (project.folder / name).write_text(whole)
    params = project.folder / "params.yaml"
    for seed in ("2", "1"):
        params.write_text(re.sub(r"seed: \d ", f"seed: {seed} ", params.read_text()))
        if "try `dvc repro --force`" in project.run("dvc", "repro", expect=None):  # DVC has noted an edit as used
            project.run("dvc", "repro", "--force")
        assert project.contents() == made[seed].contents()
        with chdir(project.folder):
            stages = locked()
        with chdir(made[seed].folder):
            assert stages == locked()
    assert ensure_true_runs(project, made) - {"text"} == {"1", "2"}


def test_an_edit_as_training_ends_is_not_recorded(project):
    """DVC notes seed 2 as used. A curve is named as DVC names curves."""
    curve = "      - plots/smooth_loss.csv: {cache: false}\n"
    project.edit("dvc.yaml", curve, "")
    project.edit("dvc.yaml", "    metrics:    # what", f"    plots:\n{curve}    metrics:    # what")
    edit = "sed -i '/^seed/s/1/2/' params.yaml"
    project.edit("dvc.yaml", "cmd: python src/train.py\n", f"cmd: python src/train.py && {edit}\n")
    project.run("dvc", "repro", "-q", "plot")
    assert "seed: 2 " in (project.folder / "params.yaml").read_text()
    project.run("dvc", "repro", "-q", "plot")
    with chdir(project.folder):
        assert locked()["train"].params["seed"] == 2
        with pytest.raises(CheckFailed, match="seed was 1, is 2"):
            ensure_recorded(read_params())
