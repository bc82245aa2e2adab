"""The run in MLflow while training is at work, and after it was killed."""

import signal
import subprocess
import time

import psutil
from mlflow_project import history, holds_what_the_files_hold, waiting
from projects import Project, started, until

PATIENCE = 180  # seconds, which a busy machine may take


def shown(project: Project) -> bool:
    """Return whether the store has points of a run at work."""
    return any(run.info.status == "RUNNING" and "smooth_loss" in run.data.metrics for run in project.runs())


def halted(project: Project) -> subprocess.Popen:
    """Start `train`; return it, stopped, when some of its points have come to the store."""
    until(lambda: not project.senders())  # that of an earlier training lingers
    train = started(project, "python", "src/train.py")
    until(project.senders, every=0.05)
    train.send_signal(signal.SIGSTOP)
    until(lambda: shown(project), PATIENCE, every=0.5)
    return train


def only(project: Project):
    (run,) = project.runs()
    return run


def comes_to(project: Project, status: str) -> None:
    """Wait until the project has one run, with this status."""
    until(lambda: [run.info.status for run in project.runs()] == [status], PATIENCE, every=0.5)


def test_a_training_appears_within_five_seconds_and_is_closed_after_a_kill(long):
    """The latest point of the record reaches MLflow in time, unless the machine is overloaded."""
    train = halted(long)
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
    train = halted(long)
    long.end_senders()
    train.kill()
    train.wait()
    assert only(long).info.status == "RUNNING"
    long.run("charloom", "track", expect=None)
    comes_to(long, "KILLED")


def test_a_stopped_training_is_closed_as_killed_and_resumes_in_the_same_run(long):
    long.set(updates=1500000)
    train = halted(long)
    train.terminate()
    train.send_signal(signal.SIGCONT)
    assert train.wait() == 143
    comes_to(long, "KILLED")
    assert "resumed at update" in long.run("dvc", "repro")
    holds_what_the_files_hold(long, long.client(), only(long))
    assert len(history(long.client(), only(long), "system/characters_per_second")) > 1


def test_trainings_in_a_row_have_one_sender(long):
    long.set(updates=150000)
    for seed in range(1, 4):
        long.run("dvc", "exp", "run", "-S", f"seed={seed}", "-n", f"seed-{seed}")
        processes = [process.info for process in psutil.process_iter(["cmdline", "cwd"])]
        folders = [row["cwd"] for row in processes if "charloom.tracking.sender" in (row["cmdline"] or [])]
        assert folders.count(str(long.folder)) <= 1
    assert len(long.runs()) == 3
    until(lambda: not long.senders(), seconds=90)
