"""Two machines send the same experiment to one store at once: each training is counted once, and nothing is lost."""

import shutil
import time
from contextlib import chdir
from pathlib import Path

import pytest
from machines import Machine, at_once
from mlflow import MlflowClient
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow_project import a_training, curve, holds_what_the_files_hold, model_names, smooth_losses, trainings

from charloom.tracking.collect import put, this_run
from charloom.tracking.completion import complete, show
from charloom.tracking.entries import Entry
from charloom.tracking.store import Store

RESULTS, SAME = "charloom.results", "charloom.same_as"


class Trained(Machine):
    """A machine with the record of a training of its own, which completes the run, or shows it first."""

    shows = False

    def __init__(self, project, folder: Path):
        super().__init__(self.complete)
        with chdir(project.folder):
            run = this_run()
        a_training(project, points=curve(run))
        with chdir(project.folder):
            self.folder = Path(shutil.move(put(this_run()), folder))
        time.sleep(0.01)  # two trainings end at two times

    def complete(self) -> None:
        store = Store()
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


def count(project, number: int) -> list:
    """Return the store's runs, all of which are complete; so many trainings are counted, each of them once."""
    client, runs = project.client(), project.runs()
    first = [run for run in runs if SAME not in run.data.tags]
    for run in first:
        holds_what_the_files_hold(project, client, run)
        assert run.data.tags["mlflow.note.content"].count(" UTC | ") == len(trainings(run))
        assert run.data.tags["charloom.reproductions"] == str(len(trainings(run)) - 1)
    for run in runs:
        if run not in first:
            assert run.data.tags[SAME] in {other.info.run_id for other in first}
            assert {point.step for point in client.get_metric_history(run.info.run_id, "smooth_loss")} == {
                *smooth_losses(project)
            }
            assert not client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
    assert {(run.info.status, len(run.data.tags.get(RESULTS, ""))) for run in runs} == {("FINISHED", 64)}
    records = [key for run in runs for key in run.data.tags if key.startswith("charloom.training.")]
    assert len(records) == len({*records}) == number
    assert len(client.search_model_versions("")) == len(first)
    assert len(client.search_logged_models([first[0].info.experiment_id])) == len(first) * len(model_names(project))
    return runs


QUESTIONS = ("create_experiment", "create_run", "log_batch", "create_logged_model", "create_model_version")


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    ("where", "question", "condition", "trained"),
    [
        *((MlflowClient, name, None, 2) for name in (*QUESTIONS, "set_terminated")),
        (LocalArtifactRepository, "log_artifact", None, 2),
        (MlflowClient, "log_batch", tells_the_results, 2),
        (MlflowClient, "log_batch", None, 3),  # somebody has sent the run before
        (MlflowClient, "get_run", None, 3),
    ],
)
def test_two_who_send_a_run_at_once_have_each_training_counted_once(
    project, tmp_path, monkeypatch, machines, where, question, condition, trained
):
    if trained == 3:
        with chdir(project.folder):
            Trained(project, tmp_path / "maker").complete()
    at_once(project, monkeypatch, machines, where, question, *[condition] * bool(condition))
    later = question == "create_experiment"  # the second is complete before the first looks for runs
    assert len(count(project, trained)) == (1 if later or trained == 3 else 2)


@pytest.mark.slow
@pytest.mark.parametrize("question", ["create_run", "create_logged_model", "set_terminated"])
def test_two_whose_trainings_were_at_work_at_once_have_a_run_each(project, monkeypatch, machines, question):
    for each in machines:
        each.shows = True
    at_once(project, monkeypatch, machines, MlflowClient, question)
    count(project, 2)


@pytest.mark.slow
def test_a_training_that_ends_after_an_equal_one_refers_to_it_and_sends_no_models_again(project, machines):
    first, second = machines
    with chdir(project.folder):
        store, entry = Store(), Entry(second.folder)
        store.connect()
        show(store, entry, ended=False)
        first.complete()
        for _ in range(2):  # a sender that was killed before it removed the entry
            second.complete()
    one, other = sorted(count(project, 2), key=lambda run: SAME in run.data.tags)
    assert (len(trainings(one)), len(trainings(other))) == (2, 0)


@pytest.mark.slow
def test_a_training_that_is_sent_again_stays_with_the_run_that_counts_it(project, tmp_path, monkeypatch, machines):
    """An older run that became complete between the two attempts does not count the training, too."""
    at_once(project, monkeypatch, machines, MlflowClient, "create_run")
    client, older = project.client(), min(project.runs(), key=lambda run: run.info.start_time)
    third = Trained(project, tmp_path / "third")
    client.delete_tag(older.info.run_id, RESULTS)
    with chdir(project.folder):
        third.complete()
        client.set_tag(older.info.run_id, RESULTS, older.data.tags[RESULTS])
        third.complete()
    count(project, 3)


@pytest.mark.slow
@pytest.mark.parametrize("question", ["create_run", "create_logged_model", "set_terminated", "log_batch"])
def test_a_sender_that_is_killed_completes_its_own_run_later(project, monkeypatch, machines, question):
    first, second = machines
    first.shows = second.shows = True
    at_once(project, monkeypatch, machines, MlflowClient, question, dies=True)
    with chdir(project.folder):
        first.complete()
    runs = [run for run in project.runs() if RESULTS in run.data.tags]
    assert len(runs) == len(project.runs()) == 2
    records = [key for run in runs for key in run.data.tags if key.startswith("charloom.training.")]
    assert len(records) == len({*records}) == 2


@pytest.mark.slow
def test_a_sender_that_is_killed_as_it_has_made_its_run_leaves_none_but_that(project, monkeypatch, machines):
    first, second = machines
    second.work = lambda: None
    at_once(project, monkeypatch, machines, MlflowClient, "create_run", dies=True)
    (run,) = project.runs()
    with chdir(project.folder):
        first.complete()
    assert [other.info.run_id for other in count(project, 1)] == [run.info.run_id]
