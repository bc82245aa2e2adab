"""Edits and reruns of one experiment, one after the other: the stages that run, and the runs in MLflow after each."""

import re
from pathlib import Path

import pytest
from edits import ALL, EDITS, WRONG_TARGETS, apply
from projects import Project


def in_order(project: Project, store: str = "") -> list:
    """Return the runs, the first one first; all are complete."""
    runs = sorted(project.runs(store), key=lambda run: run.info.start_time)
    assert all(run.info.status == "FINISHED" for run in runs)
    return runs


def reproductions(project: Project, store: str = "") -> list[int]:
    """Return of each run, the first one first, how many trainings with equal results came after its own."""
    return [int(run.data.tags["charloom.reproductions"]) for run in in_order(project, store)]


def test_an_edit_reruns_what_it_can_change_and_a_result_is_one_run(project):
    whole = project.contents()
    assert project.stages(project.run("dvc", "repro", "--force")) == [*ALL]
    assert project.contents() == whole
    project.run("git", "diff", "HEAD", "--exit-code")
    assert reproductions(project) == [0]

    trained = 0
    for what in ("a docstring in base", "a picture's title", "the MLflow room", "sampling"):
        apply(project, what)
        ran = project.stages(project.run("dvc", "repro"))
        # The page has another title: `track` adds it to the run.
        assert {*ran} == {*EDITS[what].reached} | ({"track"} if what == "a picture's title" else set()), what
        trained += "train" in ran
        assert reproductions(project) == [trained], what
        now = project.contents()
        titled = {"reports/report.html", "reports/figures/loss-whole.svg"}
        changed = titled if what == "a picture's title" else set()
        assert {name for name in whole | now if whole.get(name) != now.get(name)} == changed, what
        whole = now

    update = project.folder / "src/charloom/kernel/update.py"
    right = update.read_text()
    project.edit("src/charloom/kernel/update.py", "0.999 * smooth", "0.99 * smooth")
    project.run("dvc", "repro")
    assert reproductions(project) == [trained, 0]  # a real change of the recipe
    first, second = in_order(project)
    assert second.data.tags["charloom.differs_from"] == first.info.run_id
    update.write_text(right)
    project.run("dvc", "repro", "--force")
    assert reproductions(project) == [trained + 1, 0]  # taken back
    assert project.contents() == whole

    # DVC takes results that it knows from its cache and trains nothing: how often a training saves makes it train.
    for setting in ("train.save_every=50", "m=9"):
        project.run("dvc", "exp", "run", "--queue", "-S", setting)
    printed = project.run("dvc", "exp", "run", "--run-all")
    assert printed.count("> python src/train.py") == printed.count("\nMLflow run ") == 2, printed
    assert reproductions(project) == [trained + 2, 0, 0]  # the first experiment again, and a new one
    page = project.run("dvc", "plots", "diff").strip().removeprefix("file://")
    assert "nats per sequence" in Path(page).read_text()

    fresh = f"sqlite:///{project.folder}/fresh.db"
    for command in (("dvc", "repro"), ("charloom", "track")):
        project.run(*command, MLFLOW_TRACKING_URI=fresh)
    assert reproductions(project, fresh) == [0]


@pytest.mark.parametrize("what", WRONG_TARGETS)
def test_a_wrong_gradient_stops_the_pipeline_before_training(project, what):
    file, right, wrong, named = WRONG_TARGETS[what]
    project.edit(file, right, wrong)
    printed = project.run("dvc", "repro", expect=255)
    assert project.stages(printed)[-1] == "gradcheck"
    assert re.search(named + r".*analytic .*, complex step .*, relative error", printed)
