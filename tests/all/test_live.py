"""The run in MLflow while training is at work, and after it was killed."""

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from projects import SMALL, STAGES, Project, make, started, until
from recorded import history, holds_what_the_files_hold


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


def follower(train: subprocess.Popen) -> psutil.Process:
    (child,) = psutil.Process(train.pid).children()
    return child


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


def test_a_killed_training_whose_follower_was_killed_too_is_closed_by_whatever_starts_next(long, streaming):
    train = streaming()
    for process in (follower(train), train):
        process.kill()
    train.wait()
    assert only(long).info.status == "RUNNING"
    long.run("git", "checkout", "-q", "params.yaml")
    long.run("dvc", "repro", "--force")
    runs = {run.data.params["train.updates"]: run for run in long.runs()}
    assert {updates: run.info.status for updates, run in runs.items()} == {"400": "FINISHED", "10000000": "KILLED"}


def test_a_training_whose_track_does_not_come_leaves_no_run_open(long):
    long.edit("params.yaml", "updates: 10000000", "updates: 1000000")
    long.run("python", "src/train.py")
    ends(long, "FINISHED")  # its follower may go on for a while
    long.run("dvc", "repro")
    holds_what_the_files_hold(long, long.client(), only(long))


def test_track_ends_the_process_that_follows_its_experiment_and_no_other(long, streaming):
    train = streaming()
    process = follower(train)
    long.run("python", "-c", "from charloom.tracking.follower import end_follower; end_follower('f' * 64)")
    assert process.is_running()
    locks = (long.folder / ".charloom/trainings").glob("*/follower.lock")  # one that was ended has left its own
    (lock,) = (each for each in locks if each.read_text() == str(process.pid))
    key = lock.parent.name
    long.run("python", "-c", f"from charloom.tracking.follower import end_follower; end_follower('{key}')")
    until(lambda: process.status() == psutil.STATUS_ZOMBIE)
    assert train.poll() is None
    lock.write_text(str(train.pid))  # what a killed follower leaves may be the number of another process by now
    long.run("python", "-c", f"from charloom.tracking.follower import end_follower; end_follower('{key}')")
    assert train.poll() is None


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
    """A project that has just been trained, all but `track`; and the process that followed the training."""
    long.edit("params.yaml", "updates: 10000000", "updates: 300000")
    train = started(long, "dvc", "repro", "plot")
    until(lambda: followers(long), every=0.05)
    (process,) = followers(long)
    assert train.wait() == 0
    until(lambda: doors(long), every=0.1)
    yield long, process
    with suppress(psutil.NoSuchProcess):
        process.kill()


def followers(project: Project) -> list[psutil.Process]:
    """Return the processes that follow a training of the project."""
    found = []
    for each in psutil.process_iter(["cmdline"]):
        if "charloom.tracking.follower" in (each.info["cmdline"] or ()) and Path(each.cwd()) == project.folder:
            found.append(each)
    return found


def doors(project: Project) -> list[Path]:
    return list((project.folder / ".charloom").glob("*.socket"))


def test_the_process_that_followed_a_training_sends_what_its_track_puts_there(trained):
    project, process = trained
    assert "MLflow run " in project.run("dvc", "repro")
    until(lambda: not process.is_running(), seconds=20)  # it would wait for a minute
    assert not doors(project)
    holds_what_the_files_hold(project, project.client(), only(project))
    assert only(project).data.tags["charloom.reproductions"] == "0"


@pytest.mark.parametrize("change", ["its sources", "the store", "it was killed"])
def test_track_goes_on_alone_where_that_process_is_not_what_it_needs(trained, change):
    project, process = trained
    store, variables = f"sqlite:///{project.folder}/mlflow.db", {}
    if change == "its sources":
        project.edit("src/charloom/tracking/store.py", "PAGE = 1000", "PAGE = 900")
    elif change == "the store":
        store = f"sqlite:///{project.folder}/other.db"
        variables["MLFLOW_TRACKING_URI"] = store
    else:
        process.kill()
    assert "MLflow run " in project.run("dvc", "repro", **variables)
    assert process.is_running() == (change != "it was killed")
    (run,) = project.runs(store)
    holds_what_the_files_hold(project, project.client(store), run)


def test_a_store_that_is_broken_by_the_time_of_track_is_a_warning_and_the_run_waits(trained):
    project, process = trained
    database = project.folder / "mlflow.db"
    whole = database.read_bytes()
    database.write_bytes(b"no database" * 1000)
    assert "warning: MLflow not updated (" in project.run("dvc", "repro")
    until(lambda: not process.is_running(), seconds=20)
    database.write_bytes(whole)
    assert "MLflow run " in project.run("charloom", "track")
    holds_what_the_files_hold(project, project.client(), only(project))
