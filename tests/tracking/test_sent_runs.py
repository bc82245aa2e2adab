"""What a training leaves reaches the store once, also if it is killed, its run is deleted, or the store is away."""

import re
import shutil
import signal
import time
from contextlib import chdir, suppress
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow_project import (
    a_training,
    caught_up,
    column,
    history,
    holds_what_the_files_hold,
    sent,
    tracked,
    trained_again,
    trainings,
    waiting,
)  # fmt: skip
from projects import said
from stores import free_port

from charloom.core.base.errors import Unavailable
from charloom.core.base.signals import Stopped
from charloom.core.runtime.provenance import sender_identity
from charloom.core.training.record import Recording, sender_lock, spool
from charloom.tracking.collect import put, this_run
from charloom.tracking.delivery import deliver
from charloom.tracking.rounds import run_round
from charloom.tracking.spool import Outcome
from charloom.tracking.tag import RESULTS


@pytest.mark.slow
@pytest.mark.parametrize("value", [None, 1.5])
def test_a_training_has_a_run_of_its_own_beside_an_open_one_of_somebody_else(project, value):
    """Another machine has sent a point of the same experiment, and is at work, or gone."""
    with chdir(project.folder):
        run = this_run()
        loss = run.curves["smooth_loss"][0] if value is None else value
        with suppress(Stopped), Recording("theirs", run.params, run.text_sha256) as record:
            record.points([("smooth_loss", 0, loss)])
            sent()
            raise Stopped(signal.SIGTERM)
    (entry,) = waiting(project)
    (theirs,) = project.runs()
    shutil.rmtree(entry.folder)
    trained_again(project)
    caught_up(project)
    tracked(project)
    (completed,) = [run for run in project.runs() if RESULTS in run.data.tags]
    holds_what_the_files_hold(project, project.client(), completed)
    assert len(trainings(completed)) == 1
    (other,) = [run for run in project.runs() if RESULTS not in run.data.tags]
    (point,) = project.client().get_metric_history(other.info.run_id, "smooth_loss")
    assert (other.info.run_id, other.info.status, point.value) == (theirs.info.run_id, "RUNNING", loss)


def test_results_belong_to_the_last_of_equal_trainings(project):
    with chdir(project.folder):
        run = this_run()
        for keys in ("ab", "ba"):  # the entries' names are digests of them
            for key in keys:
                time.sleep(0.01)
                with Recording(key, run.params, run.text_sha256) as record:
                    record.results = run.results
            assert put(run) == record.path.parent
            shutil.rmtree(spool())


def test_a_run_waits_for_a_store_whose_address_is_none(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:a[b@127.0.0.1")
    with chdir(project.folder), pytest.raises(Unavailable, match="is not an address"):
        deliver(lambda: [put(this_run())])
    assert len(waiting(project)) == 1


@pytest.mark.slow
def test_a_failure_that_the_sender_reports_before_the_request_is_not_its_answer(project):
    """A sender tries again every few seconds, also while `track` collects the files."""

    def add() -> list[Path]:
        folder = put(this_run())
        with sender_lock(sender_identity()).with_suffix(".log").open("a") as log:
            log.write(Outcome(entry=folder.name, delivered="", failure="an old password").model_dump_json() + "\n")
        return [folder]

    with chdir(project.folder):
        deliver(add)
    (run,) = project.runs()
    assert RESULTS in run.data.tags


@pytest.mark.slow
def test_a_training_that_was_stopped_and_resumed_is_one_training(project):
    with chdir(project.folder):
        run = this_run()
        with suppress(Stopped), Recording("key", run.params, run.text_sha256):
            raise Stopped(signal.SIGTERM)
        sent()
        with Recording("key", run.params, run.text_sha256) as record:
            record.results = run.results
    tracked(project)
    (run,) = project.runs()
    assert (len(trainings(run)), run.data.tags["charloom.reproductions"]) == (1, "0")


def test_a_training_has_only_points_until_track_adds_its_files(project):
    a_training(project, "f" * 64, [("smooth_loss", 0, 1.5)])
    for _ in range(2):
        caught_up(project)
        (run,) = project.runs()
        assert (run.info.status, history(project.client(), run, "smooth_loss")) == ("FINISHED", {0: 1.5})
        assert "charloom.results" not in run.data.tags
        assert len(waiting(project)) == 1
    tracked(project)  # other results
    first, second = sorted(project.runs(), key=lambda run: "charloom.results" in run.data.tags)
    assert history(project.client(), first, "smooth_loss") == {0: 1.5}
    assert "charloom.differs_from" not in second.data.tags  # the first run has no results
    holds_what_the_files_hold(project, project.client(), second)
    a_training(project)
    caught_up(project)
    assert len(trainings(second)) == 0
    tracked(project)
    assert len(trainings(max(project.runs(), key=lambda run: "charloom.results" in run.data.tags))) == 1


@pytest.mark.slow
def test_a_killed_training_is_shown_until_somebody_deletes_its_run(project):
    with chdir(project.folder):
        run = this_run()
        with suppress(Stopped), Recording("key", run.params, run.text_sha256) as record:
            record.points([("smooth_loss", 0, 1.5)])
            raise Stopped(signal.SIGTERM)
        sent()
        (shown,) = project.runs()
        assert shown.info.status == "KILLED"
        caught_up(project)
        (again,) = project.runs()
        assert (again.info.end_time, again.info.run_id) == (shown.info.end_time, shown.info.run_id)
        assert history(project.client(), again, "smooth_loss") == {0: 1.5}
        project.client().delete_run(shown.info.run_id)
        caught_up(project)
        assert not project.runs()


@pytest.mark.slow
def test_a_run_deleted_during_its_training_gets_all_points_again(project):
    curve = list(column(project, "smooth_loss").items())
    with chdir(project.folder):
        run = this_run()
        with Recording(run.results, run.params, run.text_sha256) as record:
            record.points(("smooth_loss", *point) for point in curve[:2])
            works = run_round(sender_identity(), {})
            (shown,) = project.runs()
            project.client().delete_run(shown.info.run_id)
            record.points(("smooth_loss", *point) for point in curve[2:])
            works = run_round(sender_identity(), works)
            record.results = run.results
        put(run)
        run_round(sender_identity(), works)
    (run,) = project.runs()
    holds_what_the_files_hold(project, project.client(), run)


def test_a_run_that_a_command_waits_for_is_sent_at_once(project):
    with chdir(project.folder):
        run, sender = this_run(), sender_identity()
        with Recording(run.results, run.params, run.text_sha256) as record:
            record.points([("smooth_loss", 0, run.curves["smooth_loss"][0])])
            run_round(sender, {})  # the first one creates the database, which may take seconds
            works = run_round(sender, {})
            record.results = run.results
        assert run_round(sender, works)
        put(run)
        assert not run_round(sender_identity(), works)  # MLflow has set a variable
    assert project.runs()[0].info.status == "FINISHED"


@pytest.mark.slow
def test_points_that_arrived_although_the_request_failed_are_sent_once(project, monkeypatch):
    """MLflow before 3 refuses a batch if it has some of the points."""
    log_batch, failed = MlflowClient.log_batch, []

    def as_mlflow_2(client, run_id, metrics=(), *others, **named):
        assert not {(point.key, point.step) for point in metrics if not point.model_id} & {*failed}
        log_batch(client, run_id, metrics, *others, **named)
        if len(metrics) > 100 and not failed:
            failed.extend((point.key, point.step) for point in metrics)
            raise MlflowException("timed out")

    monkeypatch.setattr(MlflowClient, "log_batch", as_mlflow_2)
    trained_again(project)
    caught_up(project)
    with pytest.raises(Unavailable, match="timed out"):
        tracked(project)
    tracked(project)
    (run,) = project.runs()
    assert failed
    holds_what_the_files_hold(project, project.client(), run)


@pytest.mark.slow
def test_track_requests_the_delivery_of_this_folders_run_once(project, monkeypatch):
    """A second request, while the sender sends the run, would have it sent again."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    said(project, "track", code=5)
    (entry,) = waiting(project)
    assert entry.path.read_text().count('\n{"sender": ') == 1


@pytest.mark.slow
def test_a_store_that_is_away_is_one_warning_and_the_run_waits_until_it_is_sent(project, monkeypatch, capfd):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("CI", "true")  # a busy machine starts the sender later than anybody would wait
    project.stage("train")
    printed = project.stage("track")
    assert printed.count("warning: MLflow was not updated (") == 1
    assert "Traceback" not in printed + "".join(capfd.readouterr())
    (entry,) = waiting(project)
    assert entry.tracked
    models = (project.folder / "models").rename(project.folder / "elsewhere")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    printed, _ = said(project, "track")
    assert re.match(r"this folder's run was not sent: .*\nMLflow run as committed · seed 1: ", printed)
    models.rename(project.folder / "models")
    (run,) = project.runs()
    holds_what_the_files_hold(project, project.client(), run)
    assert len(trainings(run)) == 1
    assert not waiting(project)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["spool", "sender"])
def test_a_folder_of_ours_that_cannot_be_written_fails_nothing(project, name):
    path: Path = project.folder / ".charloom" / name
    shutil.rmtree(path, ignore_errors=True)
    path.write_text("a file where a folder belongs")
    project.stage("train")
    assert "warning: MLflow was not updated (" in project.stage("track")
