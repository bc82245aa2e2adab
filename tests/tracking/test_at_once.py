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
from machines import Machine, at_once
from mlflow import MlflowClient
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from recorded import a_training, curve, holds_what_the_files_hold, model_names, sent, waiting

from charloom.core.runtime.provenance import process
from charloom.results.keys import experiment_key
from charloom.tracking import experiment_lock, rounds
from charloom.tracking.collect import put, this_run
from charloom.tracking.completion import complete, show
from charloom.tracking.entries import Entry
from charloom.tracking.store import Store

RESULTS, SENDING = "charloom.results", "charloom.sending"


class Trained(Machine):
    """A machine with the record of a training of its own, which completes the run, or shows it first."""

    shows = False

    def __init__(self, project, folder: Path):
        super().__init__(self.complete)
        self.name = folder.name
        with chdir(project.folder):
            run = this_run()
        a_training(project, points=curve(run))
        with chdir(project.folder):
            self.folder = Path(shutil.move(put(this_run()), folder))
        time.sleep(0.01)  # two trainings end at two times

    def complete(self) -> None:
        store = Store()
        store.sender = threading.current_thread().name
        store.connect()
        entry = Entry(self.folder)
        if self.shows:
            show(store, entry, ended=False)
        complete(store, entry, entry.tracked)


@pytest.fixture
def machines(project, tmp_path, monkeypatch):
    """Two machines, the first of which can be stopped; each has a spool of its own."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project.folder}/mlflow.db")
    monkeypatch.delattr(MlflowClient, "delete_run")  # only its owner may delete a run
    return [Trained(project, tmp_path / name) for name in ("first", "second")]


def tells_the_results(*_, tags=(), **__) -> bool:
    return any(each.key == RESULTS for each in tags)


def one_run_of(project, trainings: int, gone: tuple[str, ...] = ()):
    """Return the only run that the store has, complete, with so many trainings and one version of a model.

    gone  tags of the lock whose senders are gone: they stay, because such a sender may come back at any moment
    """
    (run,) = project.runs()
    client = project.client()
    assert len(client.search_model_versions("")) == 1
    assert len(client.search_logged_models([run.info.experiment_id])) == len(model_names(project))
    holds_what_the_files_hold(project, client, run)
    assert RESULTS in run.data.tags
    assert run.data.tags["charloom.reproductions"] == str(trainings - 1)
    listed = [each["when"] for each in json.loads(run.data.tags["charloom.trainings"])]
    assert len(listed) == len(set(listed)) == trainings
    assert run.data.tags["mlflow.note.content"].count(" UTC | ") == trainings
    tags = client.get_experiment(run.info.experiment_id).tags
    assert [tag for tag in tags if tag.startswith(SENDING)] == [*gone]
    return run


QUESTIONS = ("create_experiment", "create_run", "log_batch", "create_logged_model", "create_model_version")


@pytest.mark.parametrize(
    ("where", "question", "condition", "trainings"),
    [
        *((MlflowClient, name, None, 2) for name in (*QUESTIONS, "set_terminated")),
        (LocalArtifactRepository, "log_artifact", None, 2),
        (MlflowClient, "log_batch", tells_the_results, 2),
        (MlflowClient, "log_batch", None, 3),  # somebody has sent the run before
    ],
)
def test_two_who_send_a_run_at_once_have_one_that_lists_all_trainings(
    project, tmp_path, monkeypatch, machines, where, question, condition, trainings
):
    if trainings == 3:
        with chdir(project.folder):
            Trained(project, tmp_path / "maker").complete()
    at_once(project, monkeypatch, machines, where, question, *[condition] * bool(condition))
    one_run_of(project, trainings)


@pytest.mark.slow
@pytest.mark.parametrize("question", ["create_run", "create_logged_model", "set_terminated"])
def test_two_whose_trainings_were_at_work_at_once_have_one_too(project, monkeypatch, machines, question):
    for each in machines:
        each.shows = True
    at_once(project, monkeypatch, machines, MlflowClient, question)
    one_run_of(project, 2)


@pytest.mark.parametrize("question", ["create_run", "create_logged_model", "set_terminated"])
def test_a_run_that_a_killed_sender_has_shown_is_completed_by_another_which_counts_as_its_first(
    project, monkeypatch, machines, question
):
    """The points have the times of two trainings, and each is there once."""
    first, _ = machines
    first.shows = True
    at_once(project, monkeypatch, machines, MlflowClient, question, dies=True)
    one_run_of(project, 1)
    with chdir(project.folder):
        first.complete()
    one_run_of(project, 2)


def test_of_two_who_ask_for_the_lock_at_once_the_first_by_name_waits_and_the_other_steps_back(project, monkeypatch):
    """The first one asks while the other, whose tag is set, has not yet read the tags."""
    _, experiment, _ = left(project, "0")
    held, asked = [], MlflowClient.get_experiment
    first, second = Store(), Store()
    for store, name in ((first, "1"), (second, "2")):
        store.connect()
        store.sender, store.experiment_id, store.tags = name, experiment, {}

    def take(store: Store) -> None:
        with experiment_lock.experiment_lock(store, "key"):
            held.append(store.sender)

    thread = threading.Thread(target=take, args=[first])

    def slow(client, number):
        if client is second.client and not thread.ident:
            thread.start()
            time.sleep(0.5)
            assert not held
        return asked(client, number)

    monkeypatch.setattr(MlflowClient, "get_experiment", slow)
    with pytest.raises(experiment_lock.Busy):
        take(second)
    thread.join(30)
    assert held == ["1"]
    take(second)
    assert held == ["1", "2"]


def test_a_sender_that_is_killed_as_it_has_made_its_run_leaves_none_but_the_one_that_it_completes_later(
    project, monkeypatch, machines
):
    first, second = machines
    second.work = first.complete
    at_once(project, monkeypatch, machines, MlflowClient, "create_run", dies=True)
    one_run_of(project, 1)


def left(project, value: str) -> tuple[MlflowClient, str, str]:
    """Leave the tag of another sender where nothing has been sent."""
    client = project.client()
    a_training(project)
    with chdir(project.folder):
        run, store = this_run(), Store()
        put(run)
        store.connect()
        store.use_text(run.text_sha256, run.params.prepare.text)
    tag = f"{SENDING}.{experiment_key(run.params, run.text_sha256)}.0"
    client.set_experiment_tag(store.experiment_id, tag, value)
    return client, store.experiment_id, tag


FUTURE = f"{time.time() + 6000:.0f}"


def dead() -> str:
    numbers, _, started = process().split(" ")
    number = next(each for each in range(2**22 - 1, 0, -1) if not psutil.pid_exists(each))
    return f"{numbers} {number} {started}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "value", [f"{dead()} {FUTURE}", "numbers 1 1.0 1", "nonsense"], ids=["dead", "expired", "malformed"]
)
def test_a_sender_who_is_gone_is_not_waited_for(project, value):
    *_, tag = left(project, value)
    with chdir(project.folder):
        sent()
    one_run_of(project, 1, gone=(tag,))


@pytest.mark.slow
def test_a_run_that_another_host_sends_has_not_failed_and_is_sent_after_that(project, capsys):
    client, experiment, tag = left(project, f"numbers 1 1.0 {FUTURE}")
    with chdir(project.folder):
        (entry,) = waiting(project)
        works = rounds.run_round(entry.sender, {})
        ((folder, work),) = works.items()
        assert (work.reason, work.retry_until) == ("", math.inf)
        printed, complaint = capsys.readouterr()
        assert (printed.strip(), complaint) == ("", "")
        assert project.runs() == []
        assert [each for each in client.get_experiment(experiment).tags if each.startswith(SENDING)] == [tag]
        client.delete_experiment_tag(experiment, tag)
        work.next_time = 0.0  # it need not wait
        assert not rounds.run_round(entry.sender, works)
    assert capsys.readouterr().out.splitlines()[-1].startswith(f'{{"entry":"{folder.name}","delivered":"MLflow run ')
    one_run_of(project, 1)
