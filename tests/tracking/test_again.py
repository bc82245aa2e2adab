"""`charloom again`: a run in MLflow gives the same results again, or its first difference."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow_project import run_of, tracked
from projects import OTHER_WEIGHTS, Project, said, source

from charloom.core.network.recipe import Recipe
from charloom.tracking.queries import PATCH

EVERY = ["models/best.npz", "metrics/train.json", "plots/smooth_loss.csv", "reports/report.html"]


def reordered(project: Project) -> None:
    """Reverse the points' times: MLflow returns points by time, and `track` adds some to those of the training."""
    with closing(sqlite3.connect(project.folder / "mlflow.db")) as connection, connection:
        connection.execute("UPDATE metrics SET timestamp = timestamp - 1000 * step")


@pytest.mark.slow
def test_again_reproduces_a_committed_run_with_a_text_from_dvcs_cache(project, compiled_before):
    project.run("git", "rm", "-q", "--cached", "data/fox.txt")
    project.run("dvc", "add", "-q", "data/fox.txt")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-q", "-m", "DVC has the text")
    tracked(project)
    reordered(project)
    (project.folder / "data/fox.txt").unlink()
    run = run_of(project).info
    project.client().log_artifact(run.run_id, project.folder / "dvc.lock")
    commit = project.run("git", "rev-parse", "HEAD").strip()
    project.edit("README.md", "a test", "a later commit")
    project.edit("params.yaml", "eta: 0.1", "eta: 0.2")
    project.run("git", "commit", "-q", "-a", "-m", "a later commit")
    page = f"http://127.0.0.1:5000/#/experiments/{run.experiment_id}/runs/{run.run_id}/artifacts?x=1"
    printed = project.run("charloom", "again", page, **compiled_before).splitlines()
    assert printed[0] == f"run as committed · seed 1, sent by a test: commit {commit}"
    place = Path(printed[1].removeprefix("executing this code in "))
    assert {line.partition(": ")[2] for line in printed if line.startswith("same  ")} >= {*EVERY, "results"}
    assert not [line for line in printed if line.startswith("DIFFERENT")]
    assert printed[-1] == "same"
    assert "charloom-again-" in str(place)
    assert not place.parent.exists()
    assert project.run("git", "status", "--porcelain", "--untracked-files=no") == ""


@pytest.mark.slow
def test_an_experiment_is_the_same_with_its_uncommitted_code_from_a_server(project, server, compiled_before):
    known, new = source(Recipe), str(Path(source(Recipe)).with_name("weight.py"))
    project.append(known, f"from {Recipe.__module__.rpartition('.')[0]}.weight import WEIGHT{OTHER_WEIGHTS}")
    (project.folder / new).write_text("WEIGHT = 0.9\n")
    project.run("dvc", "exp", "run", "-S", "eta=0.05", MLFLOW_TRACKING_URI=server.uri)
    project.run("charloom", "track", MLFLOW_TRACKING_URI=server.uri)
    project.run("git", "stash", "--include-untracked")
    run = run_of(project, server.uri)
    assert run.data.tags["charloom.uncommitted_changes"] == "true"
    page = f"{server.uri}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}?workflowType=machine_learning"
    variables = compiled_before | {"MLFLOW_TRACKING_URI": server.uri}
    printed = project.run("charloom", "again", page, **variables).splitlines()
    changed = {line.rpartition(" ")[2] for line in printed if line.startswith(f"{PATCH} changes ")}
    assert changed == {"params.yaml", known, new}
    assert printed[-1] == "same"


@pytest.fixture
def artifacts(recorded, tmp_path):
    """The folder of the recorded run's artifacts, for a test that edits files and store."""
    (folder,) = (recorded.folder / "mlartifacts").glob("*/artifacts/dvc.lock")
    shutil.copytree(folder.parent, tmp_path / "artifacts")
    shutil.copy(recorded.folder / "mlflow.db", tmp_path)
    yield folder.parent
    shutil.rmtree(folder.parent)
    shutil.copytree(tmp_path / "artifacts", folder.parent)
    shutil.copy(tmp_path / "mlflow.db", recorded.folder)


@pytest.mark.slow
@pytest.mark.usefixtures("rebuilt_once")
def test_an_edited_metric_and_an_edited_file_of_a_run_are_differences(recorded, artifacts):
    run = run_of(recorded)
    metrics = artifacts / "metrics/train.json"
    value = json.loads(metrics.read_text())["smooth_loss"]
    metrics.write_text(metrics.read_text().replace(f'"smooth_loss": {value}', '"smooth_loss": 0.125'))
    (artifacts / "report.html").write_text("<p>another page</p>\n")
    recorded.client().log_metric(run.info.run_id, "smooth_loss", 0.125, step=300)  # beside the value that is there
    recorded.client().log_metric(run.info.run_id, "known_words", 1.0, step=10**6)
    recorded.client().log_metric(run.info.run_id, "of their own", 1.0, step=0)
    printed, complaint = said(recorded, "again", run.info.run_id, code=1)
    differ = [line for line in printed.splitlines() if line.startswith("DIFFERENT")]
    assert differ[0] == f"DIFFERENT  train: metrics/train.json: smooth_loss: in the run 0.125, rebuilt {value!r}"
    assert differ[1].startswith(
        "DIFFERENT  plot: reports/report.html: line 1: in the run '<p>another page</p>', rebuilt"
    )
    more = "in the run 0.125, rebuilt nothing; and 1 more value"
    assert differ[2:] == [f"DIFFERENT  train: metrics in MLflow: smooth_loss.300, again: {more}"]
    assert "same  train: results\n" in printed
    assert complaint == "first difference: train: metrics/train.json\n"
    shutil.rmtree(Path(printed.splitlines()[-1].removeprefix("the rebuilt files are in ")).parent)


@pytest.mark.slow
@pytest.mark.usefixtures("rebuilt_once")
def test_again_compares_files_without_a_lock_and_counts_them_in_the_last_line(recorded, artifacts):
    (artifacts / "dvc.lock").unlink()
    printed = said(recorded, "again", run_of(recorded).info.run_id)[0].splitlines()
    outs = [row.removeprefix("same  ") for row in printed if row.startswith("same  ")][:-2]
    assert {"train: metrics/train.json", "plot: reports/figures", "plot: reports/report.html"} <= set(outs)
    assert not [row for row in outs if "models/" in row]
    line = "results same; dvc.lock is missing, so {} of 21 outputs {} compared"
    assert printed[-1] == line.format(len(outs), "were")
    for path in artifacts.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    printed = said(recorded, "again", run_of(recorded).info.run_id)[0].splitlines()
    assert [row for row in printed if row.startswith("same  ")] == [
        "same  train: metrics in MLflow", "same  train: results",
    ]  # fmt: skip
    assert printed[-1] == line.format(1, "was")
