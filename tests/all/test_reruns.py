"""An experiment, edited and run again in the ways that DVC has: the runs in MLflow after each."""

from pathlib import Path

from mlflow_project import in_order, reproduced
from projects import Project, source
from stores import free_port

from charloom.core import base


def reproductions(project: Project, store: str = "") -> list[int]:
    """Return of each run, the first one first, how many trainings with equal results came after its own."""
    runs = in_order(project, store)
    assert all(run.info.status == "FINISHED" for run in runs)
    return [len(reproduced(run)) for run in runs]


def test_a_result_is_one_run_however_it_is_made_again(project):
    whole = project.contents()
    project.run("dvc", "repro", "--force")
    project.run("git", "diff", "HEAD", "--exit-code")
    assert reproductions(project) == [0]
    project.append(source(base))
    project.run("dvc", "repro")
    assert reproductions(project) == [1]
    assert project.contents() == whole

    # DVC takes results that it knows from its cache and trains nothing: how often a training saves makes it train.
    settings = {"again": "train.save_every=50", "nine": "m=9"}
    for name, setting in settings.items():
        project.run("dvc", "exp", "run", "--queue", "-n", name, "-S", setting)
    away = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"}
    printed = project.run("dvc", "exp", "run", "--run-all", **away)
    assert printed.count("> python src/train.py") == printed.count("warning: MLflow was not updated (") == 2, printed
    assert project.run("charloom", "track").count("MLflow run ") >= 2
    assert reproductions(project) == [2, 0]  # the first experiment again, and a new one
    tags = in_order(project)[-1].data.tags
    assert tags["charloom.dvc_experiment"] == "nine"
    page = project.run("dvc", "plots", "diff").strip().removeprefix("file://")
    assert "nats per sequence" in Path(page).read_text()

    fresh = f"sqlite:///{project.folder}/fresh.db"
    for command in (("dvc", "repro"), ("charloom", "track")):
        project.run(*command, MLFLOW_TRACKING_URI=fresh)
    assert reproductions(project, fresh) == [0]
