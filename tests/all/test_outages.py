"""Whatever the MLflow store does, training's results are the same, its exit code is 0, and `make track` catches up."""

import os
import re
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from conftest import ROOT, SMALL, Project, make, started, until
from mlflow import MlflowClient
from stores import Server, answering, free_port, locked, mounted
from test_tracking import holds_what_the_files_hold, trace

from charloom.settings.params import read_params
from charloom.tracking import live

SIMILAR = {"500", "429", "redirect", "read-only SQLite"}
MOUNTED = {"read-only SQLite", "full disk"}
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a disk")
# Training has to last longer than MLflow's import, so that there is something to stream.
LONGER = {"updates: 400": "updates: 600000", "checkpoint_every: 200": "checkpoint_every: 200000"}
RESULTS = ("metrics", "plots", "models")
SLACK = 60  # seconds that a store may add: measured it is a few, on a machine with nothing else to do


def outputs(project: Project) -> dict[str, bytes]:
    return {name: content for name, content in project.contents().items() if name.split("/")[0] in RESULTS}


@pytest.fixture(scope="session")
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
    project.outputs = outputs(project)
    return project


@contextmanager
def gone(_):
    yield f"http://127.0.0.1:{free_port()}"


@contextmanager
def redirected(_):
    with answering(200) as (other, asked), answering(302, {"Location": f"{other}/elsewhere"}) as (here, _):
        yield here
        assert not asked


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
    "500": served(500, body=b'{"error_code": "INTERNAL_ERROR", "message": "out of order"}'),
    "429": served(429, {"Retry-After": "3600"}),
    "hanging": served(200, seconds=3600),
    "HTML": served(200, {"Content-Type": "text/html"}, b"<html><h1>Sign in</h1></html>"),
    "redirect": redirected,
    "locked SQLite": lambda project: database(project, "locked"),
    "read-only SQLite": lambda project: database(project, "ro"),
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
    "fault",
    [pytest.param(name, marks=ROOT_ONLY if name in MOUNTED else ()) for name in FAULTS],
)
def test_a_store_with_a_fault_changes_no_result_and_is_caught_up_with_later(fault, copy, thorough):
    if fault in SIMILAR and not thorough:
        pytest.skip("much like another one: `make faults`")
    with FAULTS[fault](copy) as address:
        began = time.monotonic()
        trained = copy.run("python", "src/train.py", MLFLOW_TRACKING_URI=address)
        added = time.monotonic() - began - copy.seconds
        began = time.monotonic()
        tracked = copy.run("python", "src/track.py", MLFLOW_TRACKING_URI=address)
        took = time.monotonic() - began
    print(f"{fault}: train {added:+.1f} s, track {took:.1f} s\n{trained}{tracked}")
    assert outputs(copy) == copy.outputs
    for printed in (trained, tracked):
        assert printed.count("warning: MLflow not updated") == 1
        assert "Traceback" not in printed
    assert max(added, took) < SLACK
    assert len(list((copy.folder / ".charloom/pending").iterdir())) == 1
    copy.run("charloom", "track")
    (run,) = copy.runs()
    holds_what_the_files_hold(copy, copy.client(), run)
    assert not list((copy.folder / ".charloom/pending").iterdir())


def streamed(store: str) -> int:
    """Return how many points of smooth loss the store has."""
    client = MlflowClient(store)
    found = client.get_experiment_by_name("charloom")
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
        assert streamed(server.uri) < len(trace(copy))
        assert (copy.folder / "printed.txt").read_text().count("warning: MLflow not updated") == 1
        assert outputs(copy) == copy.outputs
        copy.run("python", "src/track.py", MLFLOW_TRACKING_URI=server.uri)
        client = MlflowClient(server.uri)
        (run,) = client.search_runs([client.get_experiment_by_name("charloom").experiment_id])
        holds_what_the_files_hold(copy, client, run)
    finally:
        server.kill()


def test_a_process_that_feeds_mlflow_and_dies_changes_nothing(copy):
    train = started(copy, "python", "src/train.py")
    until(lambda: psutil.Process(train.pid).children(), every=0.05)
    (mirror,) = psutil.Process(train.pid).children()
    mirror.kill()
    assert train.wait(timeout=copy.seconds + SLACK) == 0
    assert outputs(copy) == copy.outputs


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_the_end_of_training_does_not_depend_on_a_process_that_is_gone(status, monkeypatch):
    monkeypatch.setattr(live, "SHORT", -1)
    feed = live.Live("f" * 64, read_params(ROOT / "params.yaml"))
    feed.point("smooth_loss", 0, 1.0)
    feed.child.kill()
    feed.child.wait()
    feed.end(status)
    for stream in (feed.child.stdin, feed.child.stdout):
        stream.close()


def test_a_relative_database_is_one_of_the_main_repository(project):
    project.run("dvc", "exp", "run", "--temp", "-S", "m=9", MLFLOW_TRACKING_URI="sqlite:///team.db")
    (run,) = project.runs(f"sqlite:///{project.folder}/team.db")
    assert run.data.params["m"] == "9"


def test_a_queue_of_two_ends_as_two_experiments_without_a_store_and_as_two_runs_with_one(project):
    for m in ("7", "9"):
        project.run("dvc", "exp", "run", "--queue", "-S", f"m={m}", "-n", f"hidden-{m}")
    away = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"}
    assert project.run("dvc", "exp", "run", "--run-all", **away).count("warning: MLflow not updated") == 2
    shown = project.run("dvc", "exp", "show", "--csv")
    assert len(re.findall("^.*hidden-[79].*$", shown, re.MULTILINE)) == 2
    assert project.run("charloom", "track", expect=5, **away).count("\n") == 1
    print(project.run("charloom", "track"))
    runs = {run.data.params["m"]: run for run in project.runs()}
    assert sorted(runs) == ["7", "8", "9"]
    for m in ("7", "9"):
        assert runs[m].info.status == "FINISHED"
        assert runs[m].data.tags["charloom.dvc_experiment"] == f"hidden-{m}"
        assert runs[m].data.tags["charloom.dvc_baseline"] == project.run("git", "rev-parse", "HEAD").strip()
        assert len(project.client().get_metric_history(runs[m].info.run_id, "smooth_loss")) == 5
    before = len(project.runs())
    assert project.run("charloom", "track").count("\n") == 1
    assert len(project.runs()) == before


def test_a_run_whose_folder_has_gone_on_since_is_sent_from_git_and_the_cache(project):
    away = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"}
    project.edit("params.yaml", "m: 8", "m: 9")
    new = project.folder / "src/charloom/new.py"
    new.write_text('"""Not in Git."""\n')
    project.run("dvc", "repro", **away)
    project.run("git", "checkout", "-q", ".")
    new.unlink()
    project.edit("params.yaml", "m: 8", "m: 7")
    printed = project.run("charloom", "track")
    assert "this folder: nothing sent" in printed
    (run,) = project.runs()
    assert run.data.params["m"] == "9"
    assert run.info.status == "FINISHED"
    assert not list((project.folder / ".charloom/pending").iterdir())
    assert not project.run("git", "for-each-ref", "refs/charloom")
