"""Six of twelve edits, drawn by the week, at random moments of each stage under `dvc repro`.

No record names what was not used.
"""

import re
import time
from contextlib import suppress

import numpy as np
import psutil
import pytest
from filelock import FileLock
from projects import SMALL, Project, copied, make, seed_of_the_week, started, until
from ruamel.yaml import YAML

from charloom.base.storage import sha256

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
    "a room": ("src/charloom/base/terminal.py", '"""Text', '"""A text'),
    "another room": ("src/charloom/settings/memory.py", '"""', '"""Now: '),
    "script": ("src/{stage}.py", '"""{stage}', '"""The {stage}'),
    "dvc.yaml": ("dvc.yaml", "src/{stage}.py, src", "src/{stage}.py, README.md, src"),
    "dvc.lock": ("dvc.lock", "cmd: python", "cmd:  python"),
    "params, put back": ("params.yaml", "seed: 1 ", "seed: 2 "),
    "a room, put back": ("src/charloom/base/terminal.py", '"""Text', '"""A text'),
    "dvc.lock, by hand": ("dvc.lock", "seed: 1\n", "seed: 3\n"),
    "params, to stay": ("params.yaml", "seed: 1 ", "seed: 2 "),
}
DRAWN = len(EDITS) // 2
SAID = ("seed was", "seq_length was", "README.md was", "not recorded")  # or the file's name
BLIND = 0.5  # seconds around a stage's end, on a busy machine, between our last look and what DVC notes; see below


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Project]:
    """Finished projects with seed 1 and with seed 2, each made from nothing. All workers share them."""
    base = tmp_path_factory.getbasetemp().parent
    projects = {seed: Project(base / f"at-work-{seed}") for seed in "12"}
    with FileLock(base / "at-work.lock"):
        for seed, project in projects.items():
            if not (project.folder / "dvc.lock").exists():
                make(project.folder, LONGER | {"seed: 1 ": f"seed: {seed} "}).run("dvc", "repro")
    return projects


def entry(project: Project, stage: str) -> dict:
    """Return what dvc.lock says of the stage, as far as it names what was used and what came of it."""
    lock = YAML(typ="safe", pure=True).load((project.folder / "dvc.lock").read_text())["stages"][stage]
    return {kind: lock.get(kind) for kind in ("params", "deps", "outs")}


def outputs(project: Project, stage: str) -> dict[str, str]:
    """Return SHA-256 of each file that dvc.lock calls an output of the stage."""
    paths = [project.folder / out["path"] for out in entry(project, stage)["outs"] or []]
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*.npz"))]
    return {str(file.relative_to(project.folder)): sha256(file) for file in files}


def forced(project: Project, stage: str) -> None:
    project.run("dvc", "repro", "--force", "--single-item", stage)


def attempt(project: Project, stage: str, edit: tuple[str, str, str], moment: float, back: float | None):
    """Run the stage under DVC and edit a file at that moment, put back after some seconds, if at all.

    Return the exit code, what was printed, how long the stage worked, and how long before its end the edit came.
    """
    name, old, new = edit
    path, printed = project.folder / name, project.folder / "printed.txt"
    process = started(project, "dvc", "repro", "--force", "--single-item", stage)
    until(lambda: f"> python src/{stage}.py" in printed.read_text())
    began = time.monotonic()
    at_work: list[psutil.Process] = []
    until(lambda: at_work.extend(workers(process.pid, stage)) or at_work or process.poll() is not None)
    time.sleep(max(0, began + moment - time.monotonic()))
    path.write_text(path.read_text().replace(old, new, 1))
    edited = time.monotonic()
    if back is not None:
        time.sleep(back)
        path.write_text(path.read_text().replace(new, old, 1))
    psutil.wait_procs(at_work)
    ended = time.monotonic()
    return process.wait(timeout=300), printed.read_text(), ended - began, ended - edited


def workers(dvc: int, stage: str) -> list[psutil.Process]:
    """Return the stage's process, as soon as there is one."""
    with suppress(psutil.Error):
        return [each for each in psutil.Process(dvc).children(True) if f"src/{stage}.py" in each.cmdline()]
    return []


def true_runs(project: Project, made: dict[str, Project]) -> list:
    """Return the complete runs in MLflow, each of which has to hold what its settings and text come to from nothing."""
    fresh = {}
    for seed, each in made.items():
        (run,) = each.runs()
        fresh[seed] = run.data.tags
    runs = project.runs()
    for run in runs:
        tags = run.data.tags
        if run.info.status == "FINISHED" or "charloom.results" in tags:
            for name in ("charloom.results", "charloom.text_sha256"):
                assert tags.get(name, fresh[run.data.params["seed"]][name]) == fresh[run.data.params["seed"]][name]
            assert "charloom.differs_from" not in tags
    return [run for run in runs if "charloom.results" in run.data.tags]


@pytest.mark.parametrize("stage", ["prepare", "gradcheck", "train", "sample", "plot", "track"])
def test_no_edit_at_work_is_recorded_as_what_was_used(made, tmp_path, stage):
    """Whatever DVC notes as used makes the outputs again; and at last all is as if it had been made from nothing.

    DVC looks at params and files when a stage has ended, hence after our last look: 0.03 to 0.15 s in which an edit is
    noted as used. It is tolerated here, and printed.
    """
    project = copied(made["1"], tmp_path / "project")
    forced(project, stage)
    _, _, took, _ = attempt(project, stage, ("README.md", "a test", "a test"), 0, None)
    used, right = entry(project, stage), outputs(project, stage)
    drawn = np.random.default_rng([seed_of_the_week(), *stage.encode()])
    for what in drawn.choice(list(EDITS), size=DRAWN, replace=False):
        name, old, new = edit = tuple(each.format(stage=stage) for each in EDITS[what])
        early = what == "params, to stay" or name == "dvc.lock"  # DVC writes its lock at the end: one of two would lose
        moment = drawn.uniform(0, took / 2 if early else took)
        back = drawn.uniform(0, 0.05) if "put back" in what else None
        code, printed, _, before = attempt(project, stage, edit, moment, back)
        print(f"{what} after {moment:.3f} s, {before:.3f} s before the stage's end: exit {code}")
        now = entry(project, stage)
        if code:
            said = printed.partition("Running stage")[2]
            assert any(words in said for words in (name, *SAID)), said
        elif (now["params"], now["deps"]) == (used["params"], used["deps"]):
            assert outputs(project, stage) == right, what
        else:  # it came before the stage had read anything: then it was used
            noted = outputs(project, stage)
            forced(project, stage)
            if noted != outputs(project, stage):
                assert before < BLIND, what
                print("noted as used, and was not")
        if what != "params, to stay":
            path = project.folder / name
            path.write_text(path.read_text().replace(new, old, 1))
    params = project.folder / "params.yaml"
    for seed in ("2", "1"):
        params.write_text(re.sub(r"seed: \d ", f"seed: {seed} ", params.read_text()))
        project.run("dvc", "repro")
        assert project.contents() == made[seed].contents()
        assert seed in {run.data.params["seed"] for run in true_runs(project, made)}
        for each in ("prepare", "gradcheck", "train", "sample", "plot"):
            assert entry(project, each) == entry(made[seed], each)
