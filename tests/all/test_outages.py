"""Whatever the MLflow store does, training's results are the same, its exit code is 0, and `make track` catches up."""

import os
import re
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from mlflow import MlflowClient
from projects import SMALL, Project, make, started, until
from recorded import column, holds_what_the_files_hold
from stores import Server, answering, free_port, locked, mounted

from charloom.tracking.entry_files import CHECKSUMS, checksums

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a disk")
# Training has to last longer than MLflow's import, so that there is something to stream.
LONGER = {
    "updates: 400": "updates: 1500000",
    "checkpoint_every: 200": "checkpoint_every: 500000",
    "save_every: 100": "save_every: 50000",
}
RESULTS = ("metrics", "plots", "models")
SLACK = 60  # seconds that a store may add: measured it is none to training, 30 to track


def outputs(project: Project) -> dict[str, bytes]:
    return {name: content for name, content in project.contents().items() if name.split("/")[0] in RESULTS}


def waiting(project: Project) -> list[Path]:
    """Return what waits in the project's spool."""
    return list((project.folder / ".charloom/spool").glob("[!.]*"))


@pytest.fixture(scope="module")
def longer(tmp_path_factory):
    """A project whose training takes some seconds, and what it makes with tracking off, in how many seconds."""
    project = make(tmp_path_factory.mktemp("longer"), SMALL)
    for old, new in LONGER.items():
        project.edit("params.yaml", old, new)
    project.run("git", "add", "-A")
    project.run("git", "commit", "-q", "-m", "a longer run")
    for stage in ("prepare", "gradcheck"):
        project.run("python", f"src/{stage}.py")
    untracked = str(Path(__file__).with_name("untracked.py"))
    project.run("python", untracked)
    began = time.monotonic()
    project.run("python", untracked)
    project.seconds = time.monotonic() - began
    for stage in ("sample", "plot"):
        project.run("python", f"src/{stage}.py")
    project.run("dvc", "commit", "--force", "--quiet", "prepare", "gradcheck", "train", "sample", "plot")
    shutil.rmtree(project.folder / ".charloom")
    project.outputs = outputs(project)
    return project


@contextmanager
def gone(_):
    yield f"http://127.0.0.1:{free_port()}"


@contextmanager
def hostile(project):
    evil = project.folder.parent / "evil"
    server = Server(project.folder.parent, "--no-serve-artifacts", "--default-artifact-root", evil.as_uri())
    yield server.uri
    server.kill()
    assert not evil.exists()


@contextmanager
def database(project, hurt):
    """Yield the address of a database that is made, and then hurt."""
    whole = project.folder.parent / "whole"
    whole.mkdir()
    MlflowClient(f"sqlite:///{whole}/mlflow.db").search_experiments()
    folder = project.folder.parent / "hurt"
    if hurt == "locked":
        shutil.copytree(whole, folder)
        with locked(folder / "mlflow.db"):
            yield f"sqlite:///{folder}/mlflow.db"
    else:
        with mounted(folder, whole, hurt):
            yield f"sqlite:///{folder}/mlflow.db"


def served(*arguments, **settings):
    @contextmanager
    def serve(_):
        with answering(*arguments, **settings) as (address, _):
            yield address

    return serve


FAULTS = {
    "down": gone,
    "hanging": served(200, seconds=3600),
    "answering nonsense": served(200, {"Content-Type": "text/html"}, b"<html><h1>Sign in</h1></html>"),
    "locked SQLite": lambda project: database(project, "locked"),
    "full disk": lambda project: database(project, "full"),
    "artifacts elsewhere": hostile,
}


@pytest.fixture
def copy(longer, tmp_path):
    """A copy of the longer project, its own store still to be made."""
    project = Project(tmp_path / "project")
    shutil.copytree(longer.folder, project.folder, symlinks=True)
    project.seconds, project.outputs = longer.seconds, longer.outputs
    return project


@pytest.mark.parametrize(
    "fault", [pytest.param(name, marks=ROOT_ONLY if name == "full disk" else ()) for name in FAULTS]
)
def test_a_store_with_a_fault_changes_no_result_and_is_caught_up_with_later(fault, copy):
    with FAULTS[fault](copy) as address:
        began = time.monotonic()
        trained = copy.run("python", "src/train.py", MLFLOW_TRACKING_URI=address)
        added = time.monotonic() - began - copy.seconds
        began = time.monotonic()
        tracked = copy.run("python", "src/track.py", MLFLOW_TRACKING_URI=address)
        took = time.monotonic() - began
        print(f"{fault}: train {added:+.1f} s, track {took:.1f} s\n{trained}{tracked}")
        assert outputs(copy) == copy.outputs
        assert "warning" not in trained
        assert tracked.count("warning: MLflow was not updated (") == 1
        assert "Traceback" not in trained + tracked
        assert max(added, took) < SLACK
        assert len(waiting(copy)) == 1
        copy.end_senders()  # or it would send the run to this store, once that is mended
    copy.run("charloom", "track")
    (run,) = copy.runs()
    holds_what_the_files_hold(copy, copy.client(), run)
    assert not waiting(copy)


def streamed(store: str) -> int:
    """Return how many points of smooth loss the store has."""
    client = MlflowClient(store)
    found = client.get_experiment_by_name("charloom fox")
    runs = client.search_runs([found.experiment_id]) if found else []
    return sum(len(client.get_metric_history(run.info.run_id, "smooth_loss")) for run in runs)


def test_a_server_that_is_killed_and_comes_back_while_training_runs(copy):
    server = Server(copy.folder.parent)
    try:
        train = started(copy, "python", "src/train.py", MLFLOW_TRACKING_URI=server.uri)
        until(lambda: streamed(server.uri), every=0.2)
        assert train.poll() is None
        server.kill()
        assert train.wait(timeout=copy.seconds + SLACK) == 0
        server.start()
        assert streamed(server.uri) < len(column(copy, "smooth_loss"))
        assert "warning" not in (copy.folder / "printed.txt").read_text()
        assert outputs(copy) == copy.outputs
        copy.run("python", "src/track.py", MLFLOW_TRACKING_URI=server.uri)
        client = MlflowClient(server.uri)
        (run,) = client.search_runs([client.get_experiment_by_name("charloom fox").experiment_id])
        holds_what_the_files_hold(copy, client, run)
    finally:
        server.kill()


def test_a_sender_that_dies_changes_nothing_and_another_one_goes_on(copy):
    train = started(copy, "python", "src/train.py")
    until(copy.senders, every=0.05)
    copy.end_senders()
    assert train.wait(timeout=copy.seconds + SLACK) == 0
    assert outputs(copy) == copy.outputs
    copy.run("python", "src/track.py")
    (run,) = copy.runs()
    holds_what_the_files_hold(copy, copy.client(), run)


def test_a_queue_of_two_ends_as_two_experiments_without_a_store_and_as_two_runs_with_one(project):
    for m in ("7", "9"):
        project.run("dvc", "exp", "run", "--queue", "-S", f"m={m}", "-n", f"hidden-{m}")
    away = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"}
    assert project.run("dvc", "exp", "run", "--run-all", **away).count("warning: MLflow was not updated (") == 2
    shown = project.run("dvc", "exp", "show", "--csv")
    assert len(re.findall("^.*hidden-[79].*$", shown, re.MULTILINE)) == 2
    assert project.run("charloom", "track", expect=5, **away).count("\n") == 1
    assert len(waiting(project)) == 3  # this folder's own among them
    assert project.run("charloom", "track").count("MLflow run ") == 3
    runs = {run.data.params["m"]: run for run in project.runs()}
    assert sorted(runs) == ["7", "8", "9"]
    for m in ("7", "9"):
        assert runs[m].info.status == "FINISHED"
        assert runs[m].data.tags["charloom.dvc_experiment"] == f"hidden-{m}"
        assert runs[m].data.tags["charloom.dvc_baseline"] == project.run("git", "rev-parse", "HEAD").strip()
        assert runs[m].data.tags["charloom.trainings"].count(f'"experiment": "hidden-{m}"') == 1
        steps = [point.step for point in project.client().get_metric_history(runs[m].info.run_id, "smooth_loss")]
        assert len(steps) == len(set(steps))
        assert {step for step in steps if step % 100 == 0} == {0, 100, 200, 300, 400}
        assert len(steps) <= 6  # and the lowest point, where it is none of them
    assert not waiting(project)
    assert project.run("charloom", "track").count("\n") == 1
    assert len(project.runs()) == 3


def test_a_run_whose_folder_has_gone_on_since_is_sent_as_it_was(project, tmp_path):
    away = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"}
    project.edit("params.yaml", "m: 8", "m: 9")
    project.edit("src/charloom/tracking/served.py", "import sys\n", "import sys  # here\n")
    project.run("dvc", "repro", **away)
    ours = (project.folder / "src/charloom/tracking/served.py").read_bytes()
    # What waits is data: MLflow executes a model's code to save it, and that is not this one.
    (entry,) = waiting(project)
    folder = entry / "files"
    (folder / "code/served.py").write_bytes(ours + b"\nraise SystemExit('executed')\n")
    (folder / CHECKSUMS).write_text(checksums(folder))
    project.run("git", "checkout", "-q", ".")
    project.edit("params.yaml", "m: 8", "m: 7")
    assert "this folder's run was not sent" in project.run("charloom", "track")
    (run,) = project.runs()
    assert (run.data.params["m"], run.info.status) == ("9", "FINISHED")
    patch = project.client().download_artifacts(run.info.run_id, "uncommitted.diff", str(tmp_path))
    assert "+import sys  # here" in Path(patch).read_text()
    for file in (project.folder / "mlartifacts/models").glob("*/artifacts/served.py"):
        assert file.read_bytes().startswith(ours)
    assert not waiting(project)
