"""Two machines send the same experiment to one store at once: nothing is lost, and nothing is there twice."""

import json
import math
import shutil
import threading
import time
from contextlib import chdir
from pathlib import Path

import psutil
import pytest
from machines import LONG, Machine, at_once
from mlflow import MlflowClient
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from recorded import a_training, holds_what_the_files_hold

from charloom.base.errors import Unavailable
from charloom.results.machine import process
from charloom.results.training_log import Log, logs_folder, logs_of
from charloom.tracking import alone as lock
from charloom.tracking import completion, follower
from charloom.tracking.collect import put, this_run
from charloom.tracking.completion import complete
from charloom.tracking.outbox import waiting
from charloom.tracking.store import Store

RESULTS, SENDING = "charloom.results", "charloom.sending"


class Trained(Machine):
    """A machine with the log of a training of its own, which completes the run."""

    def __init__(self, project, folder: Path, work=None):
        super().__init__(work or self.complete)
        self.logs = folder / "trainings"
        with chdir(project.folder):
            self.contents = this_run()
            self.folder = put(self.contents)
        a_training(project, self.contents.results)
        shutil.move(project.folder / ".charloom/trainings", self.logs)

    def complete(self) -> None:
        store = Store()
        store.connect()
        complete(store, self.contents, self.folder)


@pytest.fixture
def machines(project, tmp_path, monkeypatch):
    """Two machines, the first of which can be stopped; each has the logs of its own trainings."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project.folder}/mlflow.db")
    made = [Trained(project, tmp_path / name) for name in ("first", "second")]

    def logs() -> Path:
        at_work = threading.current_thread()
        return at_work.logs if isinstance(at_work, Trained) else logs_folder()

    monkeypatch.setattr(completion, "logs_folder", logs)
    return made


def tells_the_results(*_, tags=(), **__) -> bool:
    return any(each.key == RESULTS for each in tags)


def one_run_of(project, trainings: int):
    """Return the only run that the store has, complete, with so many trainings and one version of a model."""
    (run,) = project.runs()
    client = project.client()
    assert len(client.search_model_versions("")) == 1
    models = client.search_logged_models([run.info.experiment_id])
    assert sorted(each.name for each in models) == ["last", "lowest_smooth_loss"]
    holds_what_the_files_hold(project, client, run)
    assert RESULTS in run.data.tags
    assert run.data.tags["charloom.reproductions"] == str(trainings - 1)
    listed = [each["when"] for each in json.loads(run.data.tags["charloom.trainings"])]
    assert len(listed) == len(set(listed)) == trainings
    assert run.data.tags["mlflow.note.content"].count("| yes |") == trainings
    assert not any(tag.startswith(SENDING) for tag in client.get_experiment(run.info.experiment_id).tags)
    return run


@pytest.mark.parametrize(
    ("where", "question", "condition"),
    [
        (MlflowClient, "create_experiment", None),
        (MlflowClient, "create_run", None),
        (MlflowClient, "log_batch", None),
        (LocalArtifactRepository, "log_artifact", None),
        (MlflowClient, "create_logged_model", None),
        (MlflowClient, "create_model_version", None),
        (MlflowClient, "set_terminated", None),
        (MlflowClient, "log_batch", tells_the_results),
    ],
)
def test_two_who_send_a_new_run_at_once_have_one_that_lists_both_trainings(
    project, monkeypatch, machines, where, question, condition
):
    at_once(project, monkeypatch, machines, where, question, *[condition] * bool(condition))
    one_run_of(project, 2)
    assert not [file for each in machines for file in each.logs.rglob("*.jsonl")]


def test_two_who_reproduce_a_run_at_once_are_both_counted(project, tmp_path, monkeypatch, machines):
    with chdir(project.folder):
        maker = Trained(project, tmp_path / "maker")
        maker.start()
        maker.join(LONG)
    at_once(project, monkeypatch, machines, MlflowClient, "log_batch")
    one_run_of(project, 3)


def test_a_follower_that_is_killed_as_it_has_made_its_run_leaves_no_empty_one(project, monkeypatch, machines):
    """`track` ends the process that follows its training, wherever that is."""
    first, _ = machines
    with chdir(project.folder):
        (log,) = logs_of(first.logs, first.contents.experiment)
    first.work = lambda: follower.follow(Log(log.path))
    at_once(project, monkeypatch, machines, MlflowClient, "create_run", dies=True)
    one_run_of(project, 1)


def test_a_follower_sends_no_points_while_somebody_completes_its_run(project, monkeypatch):
    """Each would have another time, and stand there twice."""
    a_training(project, "f" * 64, [("smooth_loss", 0, 1.5)])
    tagged = Store.tag

    def meanwhile(self, run, tags):
        tagged(self, run, tags)
        tag = f"{SENDING}.{run.data.tags['charloom.experiment']}.0"
        self.client.set_experiment_tag(self.experiment_id, tag, f"elsewhere 1 1.0 {time.time() + 600:.0f}")

    monkeypatch.setattr(Store, "tag", meanwhile)
    with chdir(project.folder):
        (log,) = logs_of(logs_folder(), this_run().experiment)
        follower.follow(Log(log.path))
    (run,) = project.runs()
    assert (run.data.metrics, run.info.status) == ({}, "RUNNING")


def left(project, name: str, until: float) -> tuple[MlflowClient, str, str]:
    """Leave the tag of a sender of this name, who may live until then, where nothing has been sent."""
    client = project.client()
    with chdir(project.folder):
        run, store = this_run(), Store()
        a_training(project, run.results)
        store.connect()
        store.choose(run.text_sha256, run.params.prepare.text)
    tag = f"{SENDING}.{run.experiment}.0"
    client.set_experiment_tag(store.experiment_id, tag, f"{name} {until:.0f}")
    return client, store.experiment_id, tag


def dead() -> str:
    host, _, started = process().split(" ")
    number = next(each for each in range(2**22 - 1, 0, -1) if not psutil.pid_exists(each))
    return f"{host} {number} {started}"


@pytest.mark.slow
@pytest.mark.parametrize(("who", "until"), [("dead, here", 600), ("elsewhere 1 1.0", -1), ("nonsense", math.inf)])
def test_a_sender_who_is_gone_is_not_waited_for(project, who, until):
    left(project, dead() if who == "dead, here" else who, time.time() + until)
    with chdir(project.folder):
        completion.send(str(put(this_run())))
    one_run_of(project, 1)


@pytest.mark.slow
@pytest.mark.parametrize("comes", ["before ours", "after ours"])
def test_a_run_that_another_host_sends_for_too_long_waits_in_the_outbox(project, monkeypatch, comes):
    client, experiment, tag = left(project, "elsewhere\x1b 1 1.0", time.time() + 600)
    if comes == "after ours":
        client.delete_experiment_tag(experiment, tag)
        client.set_experiment_tag(experiment, tag := f"{tag[:-1]}z", f"elsewhere\x1b 1 1.0 {time.time() + 600:.0f}")
    monkeypatch.setattr(lock, "OTHERS_MAY_TAKE", 0)
    monkeypatch.setattr(lock, "SECONDS_BETWEEN_LOOKS", 0.01)
    with chdir(project.folder):
        folder = put(this_run())
        with pytest.raises(Unavailable, match=r"^another process, on elsewhere\\x1b.*, has been sending it for over 0"):
            completion.send(str(folder))
        assert waiting() == [folder]
        assert project.runs() == []
        assert [each for each in client.get_experiment(experiment).tags if each.startswith(SENDING)] == [tag]
        client.delete_experiment_tag(experiment, tag)
        completion.send(str(folder))
    one_run_of(project, 1)
