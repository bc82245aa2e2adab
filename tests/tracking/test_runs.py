"""A training is one run in a real MLflow store, whoever sends it, however often, and wherever a process was killed."""

import hashlib
import shutil
from contextlib import chdir

import pytest
from mlflow import MlflowClient
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow_project import (
    column,
    history,
    holds_what_the_files_hold,
    in_order,
    model_names,
    reproduced,
    smooth_losses,
    tracked,
    trained,
    waiting,
)
from projects import copied

from charloom.tracking.sending import send_all
from charloom.tracking.tag import DIFFERS, RECORD, RESULTS

REQUESTS = [
    *((MlflowClient, name) for name in ("create_experiment", "create_run", "log_batch", "create_logged_model")),
    *((MlflowClient, name) for name in ("log_outputs", "create_model_version", "set_terminated", "set_tag")),
    (LocalArtifactRepository, "log_artifact"),
]


class Died(BaseException):
    """A process is killed."""


def other_results(project) -> None:
    (project.folder / "metrics/results.json").write_text('{"results": "other"}')


def test_a_run_has_the_times_and_machine_of_its_training_and_all_that_the_files_hold(project):
    training = trained(project)
    tracked(project)
    (run,) = project.runs()
    holds_what_the_files_hold(project, project.client(), run)
    assert (run.info.start_time, run.info.end_time) == (round(training.started * 1000), round(training.ended * 1000))
    tags = run.data.tags
    assert {f"charloom.{name}": value for name, value in training.machine.items()}.items() <= tags.items()
    assert tags["mlflow.source.git.commit"] == training.commit
    assert (tags[RECORD], waiting(project)) == (training.id, [])
    times = [point.timestamp for point in project.client().get_metric_history(run.info.run_id, "smooth_loss")]
    assert times == sorted(times)


def test_a_run_whose_training_is_unknown_is_sent_once(project):
    shutil.rmtree(project.folder / ".charloom/trainings")  # as after `dvc pull`
    for _ in range(2):
        tracked(project)
    (run,) = project.runs()
    holds_what_the_files_hold(project, project.client(), run)
    assert "charloom.processor" not in run.data.tags
    assert not reproduced(run)


@pytest.mark.slow
def test_another_training_with_equal_results_adds_one_tag_and_no_run(project, monkeypatch):
    trained(project)
    tracked(project)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ben|<b>[x](y)")
    other = trained(project)
    for _ in range(2):
        tracked(project)
    (run,) = project.runs()
    ((number, about),) = reproduced(run).items()
    assert number == other.id
    assert about.startswith("by benbxy on ")
    assert other.machine["processor"] in about


@pytest.mark.slow
def test_other_results_of_an_experiment_become_a_second_run_that_names_the_first(project):
    tracked(project)
    rows, before = column(project, "smooth_loss"), smooth_losses(project)
    project.edit("plots/smooth_loss.csv", repr(rows[300]), repr(rows[300] + 1))
    other_results(project)
    project.edit("params.yaml", "temperature: 1.0", "temperature: 1.00")
    for _ in range(2):
        trained(project)
        tracked(project)
    first, second = in_order(project)
    assert second.data.tags["charloom.uncommitted_changes"] == "params.yaml"
    holds_what_the_files_hold(project, project.client(), second)
    assert second.data.tags[DIFFERS] == first.info.run_id
    assert history(project.client(), first, "smooth_loss") == before
    assert (len(reproduced(first)), len(reproduced(second))) == (0, 1)


@pytest.mark.slow
def test_each_text_has_an_mlflow_experiment_of_its_own(project):
    tracked(project)
    (project.folder / "data/other").mkdir()
    for folder in ("data", "data/other"):  # another text under the same name, and in another folder
        (project.folder / folder / "fox.txt").write_text("another fox runs. " * 99)
        project.edit("params.yaml", "text: data/", f"text: {folder}/")
        project.stage("prepare")
        project.clear()
        project.stage("train")
        project.stage("sample")
        project.stage("plot")
        tracked(project)
        project.edit("params.yaml", f"text: {folder}/", "text: data/")
    named = {each.name: each for each in project.client().search_experiments() if each.name != "Default"}
    digest = hashlib.sha256((project.folder / "data/fox.txt").read_bytes()).hexdigest()
    assert set(named) == {"charloom fox", f"charloom fox {digest[:8]}"}
    assert named[f"charloom fox {digest[:8]}"].tags["charloom.text_sha256"] == digest
    assert len(project.runs()) == 2


@pytest.mark.slow_but_first
@pytest.mark.parametrize(("where", "request_"), REQUESTS, ids=[name for _, name in REQUESTS])
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_a_process_that_is_killed_at_a_request_leaves_a_run_that_the_next_one_completes(
    project, monkeypatch, where, request_, done
):
    trained(project)
    with monkeypatch.context() as patch:
        dying(patch, where, request_, done=done)
        with pytest.raises(Died):
            tracked(project)
    assert len(waiting(project)) == 1
    assert not any(RESULTS in run.data.tags for run in project.runs()) or done
    with chdir(project.folder):
        send_all(None)
    (run,) = project.runs()
    holds_what_the_files_hold(project, project.client(), run)
    client = project.client()
    assert len(client.search_logged_models([run.info.experiment_id])) == len(model_names(project))
    assert len(client.search_model_versions("")) == 1
    assert not waiting(project)


def dying(patch, where, request: str, *, done: bool) -> None:
    asked = getattr(where, request)

    def dies(*given, **named):
        if done:
            asked(*given, **named)
        raise Died

    patch.setattr(where, request, dies)


@pytest.mark.slow
@pytest.mark.parametrize("request_", ["create_experiment", "create_run", "log_batch", "set_terminated"])
def test_two_clones_that_send_equal_runs_at_once_lose_no_training(project, tmp_path, monkeypatch, request_):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{project.folder}/mlflow.db")
    clone = copied(project, tmp_path / "clone")
    ids, asked = {trained(project).id, trained(clone).id}, getattr(MlflowClient, request_)

    def other_first(*given, **named):
        monkeypatch.setattr(MlflowClient, request_, asked)
        tracked(clone)
        return asked(*given, **named)

    monkeypatch.setattr(MlflowClient, request_, other_first)
    tracked(project)
    runs = project.runs()
    for run in runs:
        holds_what_the_files_hold(project, project.client(), run)
    assert {run.data.tags[RECORD] for run in runs} | {number for run in runs for number in reproduced(run)} == ids
    assert len(runs) + sum(len(reproduced(run)) for run in runs) == 2
