"""The run in MLflow while training is at work, and after it was killed."""

import signal
import sqlite3
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient
from projects import Project, copied, started, until
from recorded import history, holds_what_the_files_hold, smooth_losses, waiting
from stores import Server

PATIENCE = 180  # seconds, which a busy machine may take


def shown(project: Project, store: str = "") -> bool:
    """Return whether the store has points of a run at work; a database is not made by asking."""
    there = store or (project.folder / "mlflow.db").exists()
    return there and any(r.info.status == "RUNNING" and "smooth_loss" in r.data.metrics for r in project.runs(store))


def halted(project: Project, store: str = "", **variables: str) -> subprocess.Popen:
    """Start `train`; return it, stopped, when some of its points have come to the store."""
    until(lambda: not project.senders())  # that of an earlier training lingers
    train = started(project, "python", "src/train.py", **variables)
    until(project.senders, every=0.05)
    train.send_signal(signal.SIGSTOP)
    until(lambda: shown(project, store), PATIENCE, every=0.5)
    return train


@pytest.fixture
def ends():
    """A function that has a process or a server killed at the end of the test."""
    at_work: list[subprocess.Popen | Server] = []
    yield lambda process: at_work.append(process) or process
    for process in at_work:
        process.kill()


def only(project: Project, store: str = ""):
    (run,) = project.runs(store)
    return run


def comes_to(project: Project, status: str) -> None:
    """Wait until the project has one run, with this status; a database is not made by asking."""
    database = project.folder / "mlflow.db"
    until(lambda: database.exists() and [run.info.status for run in project.runs()] == [status], PATIENCE, every=0.5)


def statuses(database: Path) -> list:
    """Return the status of each run, without MLflow; [] while there is no table yet."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT status FROM runs").fetchall()
    return []


def test_a_training_is_shown_within_five_seconds_and_whatever_lives_on_closes_it_when_it_is_killed(long, ends):
    """The latest point of the record reaches MLflow in time, unless the machine is overloaded."""
    train = ends(halted(long))
    train.send_signal(signal.SIGCONT)

    def latest() -> int:
        return max(point.step for point in long.client().get_metric_history(only(long).info.run_id, "smooth_loss"))

    waits = []
    for _ in range(3):
        (entry,) = waiting(long)
        (*_, step), since = (update for name, update in entry.points if name == "smooth_loss"), time.monotonic()
        until(lambda step=step: latest() >= step, every=0.1)
        waits.append(time.monotonic() - since)
    print("seconds:", waits)
    assert min(waits) < 5
    train.kill()
    train.wait()
    comes_to(long, "KILLED")

    # It goes on, and is killed together with its sender: the next sender closes the run.
    train = ends(halted(long))
    long.end_senders()
    train.kill()
    train.wait()
    assert only(long).info.status == "RUNNING"
    long.run("charloom", "track", expect=None)
    comes_to(long, "KILLED")


def test_a_training_that_is_stopped_is_closed_as_killed_and_goes_on_as_the_same_run(long, ends):
    long.edit("params.yaml", "updates: 10000000", "updates: 1500000")
    train = ends(halted(long))
    train.terminate()
    train.send_signal(signal.SIGCONT)
    assert train.wait() == 143
    comes_to(long, "KILLED")
    assert "resumed at update" in long.run("dvc", "repro")
    holds_what_the_files_hold(long, long.client(), only(long))
    assert len(history(long.client(), only(long), "characters_per_second")) > 1


def test_trainings_in_a_row_have_one_sender(long):
    long.edit("params.yaml", "updates: 10000000", "updates: 150000")
    most = []
    for seed in range(1, 5):
        long.run("dvc", "exp", "run", "-S", f"seed={seed}", "-n", f"seed-{seed}")
        senders = [process for process in psutil.process_iter() if is_sender_of(process, long)]
        most.append((len(senders), sum(sender.memory_info().rss for sender in senders)))
    print("processes and bytes:", most)
    assert max(count for count, _ in most) <= 1
    assert len(long.runs()) == 4
    until(lambda: not long.senders(), seconds=90)


def is_sender_of(process: psutil.Process, project: Project) -> bool:
    with suppress(psutil.Error):
        return "charloom.tracking.sender" in process.cmdline() and Path(process.cwd()) == project.folder
    return False


def test_a_training_that_diverges_at_once_is_a_failed_run(long):
    long.edit("params.yaml", "eta: 0.1", "eta: 1.7e308")
    assert "training diverged" in long.run("python", "src/train.py", expect=4)
    comes_to(long, "FAILED")


def test_a_server_that_is_killed_and_comes_back_while_training_runs(longer, tmp_path, ends):
    project, server = copied(longer, tmp_path / "project"), ends(Server(tmp_path))
    address = {"MLFLOW_TRACKING_URI": server.uri}
    train = ends(halted(project, server.uri, **address))
    server.kill()
    train.send_signal(signal.SIGCONT)
    assert train.wait(60) == 0
    assert "warning" not in (project.folder / "printed.txt").read_text()
    server.start()
    client = MlflowClient(server.uri)
    points = client.get_metric_history(only(project, server.uri).info.run_id, "smooth_loss")
    assert len(points) < len(smooth_losses(project))
    assert "MLflow run " in project.run("python", "src/track.py", **address)
    holds_what_the_files_hold(project, client, only(project, server.uri))
    project.end_senders()


@pytest.mark.parametrize(
    "change", ["nothing", "its sources", "another database of that name", "it was killed", "a database that is broken"]
)
def test_track_completes_what_the_sender_of_the_training_has_shown(longer, tmp_path, change):
    """The sender that showed a training completes it, and ends; or another one does."""
    project = copied(longer, tmp_path / "project")
    train = started(project, "python", "src/train.py")
    until(project.senders, every=0.05)
    (sender,) = project.senders()
    if change == "it was killed":
        sender.kill()
    assert train.wait() == 0
    database = project.folder / "mlflow.db"
    if change == "nothing":
        comes_to(project, "FINISHED")  # no run stays open, should `track` not come
        assert sender.is_running()
    elif change == "its sources":
        project.edit("src/charloom/tracking/store.py", "PAGE = 100 ", "PAGE = 90 ")
    elif change == "another database of that name":
        # MLflow in this process would go on with the file that it has opened.
        until(lambda: ("FINISHED",) in statuses(database), PATIENCE)
        database.rename(database.with_name("removed.db"))
    elif change == "a database that is broken":
        comes_to(project, "FINISHED")
        whole = database.read_bytes()
        database.write_bytes(b"no database" * 1000)
        assert "warning: MLflow was not updated (" in project.run("python", "src/track.py")
        project.end_senders()
        database.write_bytes(whole)
    assert "MLflow run " in project.run("python", "src/track.py")
    (run,) = (run for run in project.runs() if "charloom.results" in run.data.tags)
    holds_what_the_files_hold(project, project.client(), run)
    assert run.data.tags["charloom.reproductions"] == "0"
    if change == "nothing":
        until(lambda: not sender.is_running() or sender.status() == psutil.STATUS_ZOMBIE, PATIENCE)
    project.end_senders()
