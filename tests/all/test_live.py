"""The run in MLflow while training is at work, and after it was killed."""

import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from projects import SMALL, STAGES, Project, make, started, until
from recorded import history, holds_what_the_files_hold, waiting


@pytest.fixture
def streaming(long):
    """A function that starts `train`, and returns it when some of its points have come to the store."""
    at_work: list[subprocess.Popen] = []

    def start() -> subprocess.Popen:
        at_work.append(started(long, "python", "src/train.py"))
        database = long.folder / "mlflow.db"
        until(lambda: database.exists() and any("smooth_loss" in r.data.metrics for r in long.runs()), every=0.2)
        return at_work[-1]

    yield start
    for train in at_work:
        train.kill()
        train.wait()


def only(project):
    (run,) = project.runs()
    return run


def ends(project, status):
    """Wait until the project's only run has the status; the database is not made by asking."""
    database = project.folder / "mlflow.db"
    until(lambda: database.exists() and [run.info.status for run in project.runs()] == [status], every=0.5)


def test_a_training_at_work_is_seen_and_a_killed_one_is_closed_by_the_process_that_it_leaves(long, streaming):
    train = streaming()
    assert only(long).info.status == "RUNNING"
    train.kill()
    train.wait()
    ends(long, "KILLED")


def test_a_training_that_is_stopped_is_closed_as_killed_and_goes_on_as_the_same_run(long, streaming):
    long.edit("params.yaml", "updates: 10000000", "updates: 1500000")
    train = streaming()
    train.terminate()
    assert train.wait() == 143
    ends(long, "KILLED")
    assert "resumed at update" in long.run("dvc", "repro")
    holds_what_the_files_hold(long, long.client(), only(long))
    assert len(history(long.client(), only(long), "characters_per_second")) > 1


def test_a_killed_training_whose_sender_was_killed_too_is_closed_by_whatever_starts_next(long, streaming):
    train = streaming()
    long.end_senders()
    train.kill()
    train.wait()
    long.end_senders()  # the training may have started another one
    assert only(long).info.status == "RUNNING"
    long.run("git", "checkout", "-q", "params.yaml")
    long.run("dvc", "repro", "--force")
    until(lambda: "RUNNING" not in [run.info.status for run in long.runs()], every=0.5)
    runs = {run.data.params["train.updates"]: run for run in long.runs()}
    assert {updates: run.info.status for updates, run in runs.items()} == {"400": "FINISHED", "10000000": "KILLED"}


def test_a_training_whose_track_does_not_come_leaves_no_run_open(long):
    long.edit("params.yaml", "updates: 10000000", "updates: 1000000")
    long.run("python", "src/train.py")
    ends(long, "FINISHED")  # its sender goes on for a while
    long.run("dvc", "repro")
    holds_what_the_files_hold(long, long.client(), only(long))


def test_points_are_there_within_five_seconds(long, streaming):
    """The latest point of the record reaches MLflow in time, unless the machine is overloaded."""
    streaming()

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


def test_trainings_in_a_row_have_one_sender(long):
    long.edit("params.yaml", "updates: 10000000", "updates: 150000")
    most = []
    for seed in range(1, 5):
        long.run("dvc", "exp", "run", "-S", f"seed={seed}", "-n", f"seed-{seed}")
        senders = [each for each in psutil.process_iter() if is_sender_of(each, long)]
        most.append((len(senders), sum(each.memory_info().rss for each in senders)))
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
    ends(long, "FAILED")


@pytest.fixture(scope="session")
def eight(tmp_path_factory) -> list[Project]:
    """Eight projects, each with a seed of its own."""
    first = make(tmp_path_factory.mktemp("eight") / "1", SMALL)
    first.run("dvc", "repro", "track", MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    shutil.rmtree(first.folder / ".charloom")
    projects = [first]
    for seed in range(2, 9):
        shutil.copytree(first.folder, first.folder.with_name(str(seed)), symlinks=True)
        projects.append(Project(first.folder.with_name(str(seed))))
        projects[-1].edit("params.yaml", "seed: 1 ", f"seed: {seed} ")
        projects[-1].run("dvc", "commit", "--force", "--quiet", *STAGES)  # as if all had been run with this seed
    return projects


def test_eight_that_start_on_a_database_that_does_not_exist_make_eight_whole_runs(eight, tmp_path):
    store = f"sqlite:///{tmp_path}/mlflow.db"
    noted = "dvc commit --force --quiet train sample plot"  # else dvc.lock would not be of these results
    at_work = [
        started(
            project, "sh", "-c", f"python src/train.py && {noted} && python src/track.py", MLFLOW_TRACKING_URI=store
        )
        for project in eight
    ]
    assert [process.wait(timeout=300) for process in at_work] == [0] * 8
    for project in eight:
        assert "warning" not in (project.folder / "printed.txt").read_text()
    client = eight[0].client(store)
    runs = {run.data.params["seed"]: run for run in eight[0].runs(store)}
    assert sorted(runs) == list("12345678")
    for project in eight:
        holds_what_the_files_hold(project, client, runs[project.folder.name])


@pytest.fixture
def trained(long):
    """A project that has just been trained, all but `track`; and the process that has shown the training."""
    long.edit("params.yaml", "updates: 10000000", "updates: 600000")
    train = started(long, "dvc", "repro", "plot")
    until(long.senders, every=0.05)
    (process,) = long.senders()
    assert train.wait() == 0
    return long, process


def test_the_process_that_showed_a_training_sends_what_its_track_puts_there_and_ends(trained):
    project, process = trained
    assert "MLflow run " in project.run("dvc", "repro")
    until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, seconds=20)
    holds_what_the_files_hold(project, project.client(), only(project))
    assert only(project).data.tags["charloom.reproductions"] == "0"


@pytest.mark.parametrize("change", ["its sources", "the store", "it was killed", "another database of that name"])
def test_track_has_a_sender_of_its_own_where_that_process_is_not_what_it_needs(trained, change):
    project, process = trained
    store, variables = f"sqlite:///{project.folder}/mlflow.db", {}
    if change == "its sources":
        project.edit("src/charloom/tracking/store.py", "PAGE = 100 ", "PAGE = 90 ")
    elif change == "the store":
        store = f"sqlite:///{project.folder}/other.db"
        variables["MLFLOW_TRACKING_URI"] = store
    elif change == "it was killed":
        process.kill()
    else:
        (project.folder / "mlflow.db").rename(project.folder / "removed.db")
    assert "MLflow run " in project.run("dvc", "repro", **variables)
    (run,) = (each for each in project.runs(store) if "charloom.results" in each.data.tags)
    holds_what_the_files_hold(project, project.client(store), run)


def test_a_store_that_is_broken_by_the_time_of_track_is_a_warning_and_the_run_waits(trained):
    project, _ = trained
    database = project.folder / "mlflow.db"
    whole = database.read_bytes()
    database.write_bytes(b"no database" * 1000)
    assert "warning: MLflow not updated (" in project.run("dvc", "repro")
    project.end_senders()
    database.write_bytes(whole)
    assert "MLflow run " in project.run("charloom", "track")
    holds_what_the_files_hold(project, project.client(), only(project))
