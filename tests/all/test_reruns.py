"""Edits and reruns of one experiment, one after the other: the stages that run, and the runs in MLflow after each."""

from pathlib import Path

from edits import ALL, EDITS, apply
from projects import Project
from recorded import in_order
from stores import free_port


def reproductions(project: Project, store: str = "") -> list[int]:
    """Return of each run, the first one first, how many trainings with equal results came after its own."""
    runs = in_order(project, store)
    assert all(run.info.status == "FINISHED" for run in runs)
    return [int(run.data.tags["charloom.reproductions"]) for run in runs]


def test_an_edit_reruns_what_it_can_change_and_a_result_is_one_run(project):
    whole = project.contents()
    assert project.stages(project.run("dvc", "repro", "--force")) == [*ALL]
    assert project.contents() == whole
    project.run("git", "diff", "HEAD", "--exit-code")
    assert reproductions(project) == [0]

    trained = 0
    for what in ("a docstring in base", "a picture's title"):
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
    settings = {"again": "train.save_every=50", "nine": "m=9"}
    for name, setting in settings.items():
        project.run("dvc", "exp", "run", "--queue", "-n", name, "-S", setting)
    away = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"}
    printed = project.run("dvc", "exp", "run", "--run-all", **away)
    assert printed.count("> python src/train.py") == printed.count("warning: MLflow was not updated (") == 2, printed
    assert project.run("charloom", "track").count("MLflow run ") >= 2
    assert reproductions(project) == [trained + 2, 0, 0]  # the first experiment again, and a new one
    tags = in_order(project)[-1].data.tags
    assert (tags["charloom.dvc_experiment"], tags["charloom.trainings"].count('"experiment": "nine"')) == ("nine", 1)
    assert tags["charloom.dvc_baseline"] == project.run("git", "rev-parse", "HEAD").strip()
    page = project.run("dvc", "plots", "diff").strip().removeprefix("file://")
    assert "nats per sequence" in Path(page).read_text()

    fresh = f"sqlite:///{project.folder}/fresh.db"
    for command in (("dvc", "repro"), ("charloom", "track")):
        project.run(*command, MLFLOW_TRACKING_URI=fresh)
    assert reproductions(project, fresh) == [0]
