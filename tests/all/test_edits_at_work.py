"""Edits at moments of whole `dvc repro`s, drawn by the week. No record names what was not used."""

import time
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from projects import SMALL, Project, copied, make, seed_of_the_week, source, started, until

from charloom.core.base import terminal
from charloom.core.config.pipeline import Project as Folder
from charloom.core.runtime import memory
from charloom.results.dvc_lock import locked

LONGER = SMALL | {
    "updates: 400": "updates: 60000", "checkpoint_every: 200": "checkpoint_every: 10000",
    "save_every: 100": "save_every: 10000", "length: 200": "length: 5000",
}  # fmt: skip
EDITS = {  # what is edited: text that is there, and what is written instead
    "params": ("params.yaml", "seed: 1 ", "seed: 2 "),
    "a package": (source(terminal), '"""', '"""So: '),
    "another package": (source(memory), '"""', '"""Now: '),
    "an output": ("metrics/prepare.json", '"characters": ', '"characters":  '),
    "dvc.yaml": ("dvc.yaml", "src/sample.py, src", "src/sample.py, README.md, src"),
}
REPEATED = 4  # whole pipelines with an edit


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Project]:
    """Finished projects, each made from nothing: with seed 1 and with seed 2. All workers share them."""
    base = tmp_path_factory.getbasetemp().parent
    projects = {name: Project(base / f"at-work-{name}") for name in ("1", "2")}
    with FileLock(base / "at-work.lock"):
        for name, project in projects.items():
            if not (project.folder / "dvc.lock").exists():
                make(project.folder, LONGER).set(seed=name)  # and not that of the check
                project.run("dvc", "repro")
    return projects


def true_runs(project: Project, made: dict[str, Project]) -> set[str]:
    """Compare each complete run in MLflow with the run made from nothing; return their seeds."""
    seeds = set()
    for run in project.runs():
        assert "charloom.differs_from" not in run.data.tags
        if "charloom.results" in run.data.tags:
            (fresh,) = made[run.data.params["seed"]].runs()
            assert run.data.tags["charloom.results"] == fresh.data.tags["charloom.results"]
            seeds.add(run.data.params["seed"])
    return seeds


def test_results_after_edits_during_a_repro_equal_those_of_a_fresh_repro(made, tmp_path):
    project = copied(made["1"], tmp_path / "project")
    began = time.monotonic()
    project.run("dvc", "repro", "--force")
    took = time.monotonic() - began
    drawn = np.random.default_rng(seed_of_the_week())
    for what in drawn.choice(list(EDITS), size=REPEATED):
        name, old, new = EDITS[what]
        path, undone = project.folder / name, drawn.random() < 0.5
        whole = path.read_text()
        process = started(project, "dvc", "repro", "--force")
        time.sleep(drawn.uniform(0, took))
        path.write_text(whole.replace(old, new, 1))
        if undone:
            time.sleep(drawn.uniform(0, 0.05))
            path.write_text(whole)
        code, printed = process.wait(timeout=300), project.log()
        print(f"{what}{' undone' * undone}: exit {code}")
        words = (name, "seed was", "README.md", "not recorded")
        assert code == 0 or any(word in printed for word in words), printed
        path.write_text(whole)
    for seed in ("2", "1"):
        project.set(seed=seed)
        if "try `dvc repro --force`" in project.run("dvc", "repro", expect=None):  # DVC has noted an edit as used
            project.run("dvc", "repro", "--force")
        assert project.contents() == made[seed].contents()
        assert locked(Folder(project.folder)) == locked(Folder(made[seed].folder))
    assert true_runs(project, made) == {"1", "2"}


@pytest.mark.parametrize("queued", [False, True])
def test_an_experiment_in_a_temporary_folder_fails_only_by_edits_in_that_folder(made, tmp_path, queued):
    project = copied(made["1"], tmp_path / "project")
    project.commit()
    source = Path("src/charloom/core/base/terminal.py")
    for name, eta in (("here", "0.01"), ("there", "0.02")):
        experiment, known = ("dvc", "exp", "run", "-n", name, "-S", f"eta={eta}"), project.states()
        if queued:
            project.run(*experiment, "--queue")
        process = started(project, *(("dvc", "exp", "run", "--run-all") if queued else (*experiment, "--temp")))
        until(lambda known=known: {*project.states()} - {*known}, 120)
        (path,) = (
            (project.folder / ".dvc/tmp/exps").rglob(str(source)) if name == "there" else [project.folder / source]
        )
        whole = path.read_text()
        path.write_text(whole.replace('"""', '"""So: ', 1))
        process.wait(timeout=300)
        (project.folder / source).write_text(whole)
    assert "edited while it ran: changed files: src/charloom/core/base/terminal.py" in project.log()
    experiments = project.run("dvc", "exp", "list")
    assert "here" in experiments
    assert "there" not in experiments
    assert {run.data.params["eta"] for run in project.runs() if "charloom.results" in run.data.tags} == {"0.01"}
