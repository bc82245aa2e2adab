"""One experiment is one run in a real MLflow store, whoever asks and however often."""

import hashlib
import json
import re
import shutil
import signal
import time
from contextlib import chdir, suppress
from datetime import UTC, datetime
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
    in_order,
    sent,
    smooth_losses,
    tracked,
    trained_again,
    trainings,
    waiting,
)  # fmt: skip
from projects import said, source
from rehashed import hashed
from ruamel.yaml import YAML
from stores import free_port

import track
from charloom.core.base.errors import Unavailable
from charloom.core.base.signals import Stopped
from charloom.core.config.pipeline import Project, files
from charloom.core.runtime.provenance import sender_identity
from charloom.core.training import loop
from charloom.core.training.record import Recording
from charloom.tracking.collect import put, this_run
from charloom.tracking.rounds import run_round
from charloom.tracking.tag import RESULTS


def test_the_run_holds_what_the_files_hold(finished):
    (run,) = finished.runs()
    holds_what_the_files_hold(finished, finished.client(), run)
    params = YAML(typ="safe", pure=True).load((finished.folder / "params.yaml").read_text())
    nested = {f"{s}.{k}": v for s, each in params.items() if isinstance(each, dict) for k, v in each.items()}
    assert run.data.params == {
        key: str(value) for key, value in (params | nested).items() if not isinstance(value, dict)
    }
    digest = hashlib.sha256((finished.folder / "data/fox.txt").read_bytes()).hexdigest()
    assert run.data.tags["charloom.text_sha256"] == digest
    assert run.data.tags["mlflow.source.git.commit"] == ""  # nothing was committed when it ran
    assert {name for name in run.data.metrics if "/" in name} <= {"system/characters_per_second"}
    (text,) = run.inputs.dataset_inputs
    assert (text.dataset.name, text.dataset.digest, text.tags[0].value) == ("fox", digest[:36], "training")
    assert json.loads(text.dataset.source) == {"uri": "data/fox.txt"}
    assert [column["name"] for column in json.loads(text.dataset.schema)["mlflow_colspec"]] == ["text"]
    profile = json.loads(text.dataset.profile)
    measures = json.loads((finished.folder / "metrics/prepare.json").read_text())
    assert profile["distinct_characters"] == measures["K"]
    assert profile["characters"] == profile["training_characters"] + profile["held_out_characters"]
    assert (len(trainings(run)), run.data.tags["charloom.reproductions"]) == (1, "0")
    assert not list((finished.folder / ".charloom/spool").iterdir())


@pytest.mark.slow
def test_a_training_is_shown_and_completed_as_one_run_that_counts_reproductions(project):
    client = project.client()
    project.stage("train")
    (entry,) = waiting(project)
    with chdir(project.folder):
        assert entry.end.results == hashed(files("track")) == this_run().results
        sent()
    (shown,) = project.runs()
    assert (shown.info.start_time, shown.info.status) == (round(entry.first.started * 1000), "FINISHED")
    assert shown.info.end_time == round(entry.end.ended * 1000)
    assert history(client, shown, "smooth_loss") == column(project, "smooth_loss")
    assert "charloom.results" not in shown.data.tags
    tracked(project)
    times = {update: round(when * 1000) for (name, update), (_, when) in entry.points.items() if name == "smooth_loss"}
    points = client.get_metric_history(shown.info.run_id, "smooth_loss")
    assert {point.step: point.timestamp for point in points if point.step in times} == times
    project.stage("train")
    tracked(project)
    tracked(project)  # nothing was trained
    a_training(project, "f" * 64, [("smooth_loss", 1, 1.5)])  # the run is complete: other points are not shown
    with chdir(project.folder):
        sent()
    (run,) = project.runs()
    assert run.info.run_id == shown.info.run_id
    holds_what_the_files_hold(project, client, run)
    assert (len(trainings(run)), run.data.tags["charloom.reproductions"]) == (2, "1")
    listed = trainings(run)
    commit = project.run("git", "rev-parse", "HEAD").strip()
    assert all(each["processor"] and each["numba"] and each["commit"] == commit for each in listed)
    assert run.data.tags["mlflow.note.content"].count(" UTC | ") == 2
    assert not any(entry.tracked for entry in waiting(project))


@pytest.mark.slow
def test_the_list_of_trainings_fits_into_a_tag_with_any_names(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "Ю" * 30)
    monkeypatch.setenv("DVC_EXP_NAME", "я" * 20 + "\x85")
    for _ in range(60):
        a_training(project)
        time.sleep(0.002)  # two trainings end at two times
    (entry,) = waiting(project)
    tracked(project)
    (run,) = project.runs()
    note = run.data.tags["mlflow.note.content"]
    assert len(note) <= 5000  # what MLflow 2.10 takes
    listed = [line[2:25] for line in note.partition("|---|\n")[2].splitlines()]
    ended = [datetime.fromtimestamp(end.ended, UTC).isoformat(" ", "milliseconds")[:23] for _, end in entry.trainings]
    assert 8 < len(listed) < 60
    assert [time[:19] for time in listed] == [time[:19] for time in [ended[0], *ended[1 - len(listed) :]]]
    assert run.data.tags["charloom.reproductions"] == "59"
    assert sorted(row["when"] for row in trainings(run)) == ended


@pytest.mark.slow
def test_a_run_names_who_sent_it_and_a_reproduction_its_own_and_counts_on_from_an_earlier_version(project, monkeypatch):
    """The run is one of a version that listed the trainings in one tag, did not say who, and listed other results."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    project.stage("train")
    (waits,) = waiting(project)
    shutil.copytree(waits.folder, before := project.folder / "before")
    tracked(project)
    (run,) = project.runs()
    client, run_id = project.client(), run.info.run_id
    note = run.data.tags["mlflow.note.content"].replace(" sent by |\n|---|---|---|---|---|", "\n|---|---|---|---|")
    (row,) = trainings(run)
    listed = [row | {"same": True}, row | {"when": "2021-05-25 12:00:00.000", "same": False}]
    listed = [{key: value for key, value in each.items() if key != "by"} for each in listed]
    for key in run.data.tags:
        if key.startswith("charloom.training.") or key == "charloom.reproductions_by_earlier_versions":
            client.delete_tag(run_id, key)
    earlier = {"trainings": json.dumps(listed), "reproductions": "41"}
    for key, value in earlier.items():
        client.set_tag(run_id, f"charloom.{key}", value)
    client.set_tag(run_id, "mlflow.note.content", note.replace(" ann |", ""))

    shutil.move(before, waits.folder)  # the earlier version was killed before it removed the entry
    tracked(project)
    (run,) = project.runs()
    assert run.data.tags["charloom.reproductions"] == "41"
    assert not trainings(run)

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ben|<b>[x](y)")
    for count in ("42", "43"):
        project.stage("train")
        tracked(project)
        (run,) = project.runs()
        assert run.data.tags["charloom.reproductions"] == count
    assert run.data.tags["charloom.trainings"] == earlier["trainings"]
    assert run.data.tags["mlflow.user"] == "ann, benbxy"
    assert [row["by"] for row in trainings(run)] == ["benbxy"] * 2
    note = run.data.tags["mlflow.note.content"]
    assert note.count("| trained |") == 1
    assert [line.split(" | ")[-1] for line in note.split("|---|\n")[1].splitlines()] == ["– |", "benbxy |", "benbxy |"]


@pytest.mark.slow
def test_other_results_of_an_experiment_become_a_second_run_that_names_the_first(project):
    tracked(project)
    rows, before = column(project, "smooth_loss"), smooth_losses(project)
    project.edit("plots/smooth_loss.csv", repr(rows[300]), repr(rows[300] + 1))
    (project.folder / "metrics/results.json").write_text('{"results": "other"}')
    project.edit("params.yaml", "temperature: 1.0", "temperature: 1.00")
    for _ in range(2):
        a_training(project)
        tracked(project)
    first, second = in_order(project)
    assert second.data.tags["mlflow.user"] == "a test"
    assert second.data.tags["charloom.uncommitted_changes"] == "params.yaml"
    holds_what_the_files_hold(project, project.client(), second)
    assert second.data.tags["charloom.differs_from"] == first.info.run_id
    assert history(project.client(), first, "smooth_loss") == before
    assert (len(trainings(first)), len(trainings(second))) == (0, 2)


@pytest.mark.slow
def test_the_oldest_of_equal_runs_counts_a_reproduction_and_is_named(project):
    tracked(project)
    client, (first,) = project.client(), project.runs()
    tags = {key: value for key, value in first.data.tags.items() if key.startswith("charloom.")}
    later = client.create_run(first.info.experiment_id, start_time=first.info.start_time + 1, tags=tags).info.run_id
    a_training(project)
    tracked(project)
    assert [len(trainings(run)) for run in in_order(project)] == [1, 0]
    (project.folder / "metrics/results.json").write_text('{"results": "other"}')
    tracked(project)
    assert in_order(project)[1].info.run_id == later
    assert [run.data.tags.get("charloom.differs_from") for run in in_order(project)] == [None, None, first.info.run_id]


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
@pytest.mark.parametrize(("tag", "value"), [("trainings", "[1"), ("training.x", "1"), ("training.x", "{}")])
def test_a_training_that_somebody_else_has_malformed_is_named_and_no_other_is_lost(project, capsys, tag, value):
    tracked(project)
    (run,) = project.runs()
    project.client().set_tag(run.info.run_id, f"charloom.{tag}", value)
    a_training(project)
    tracked(project)
    (run,) = project.runs()
    assert run.data.tags["mlflow.note.content"].count(" UTC | ") == 1
    assert f"tag charloom.{tag} is malformed" in capsys.readouterr().err


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


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    ("name", "old", "new", "line"),
    [
        ("src/train.py", '"""train', '"""Train', "run not recorded; try `dvc repro`"),
        ("data/fox.txt", "fox", "dog", "not recorded; try `dvc repro`"),
        (source(loop), '"""', '"""Edited. ', "run not recorded; try `dvc repro`"),
        ("params.yaml", "temperature: 1.0", "temperature: 0.5", "sample.temperature was 1.0, is 0.5; run not recorded"),
        ("dvc.lock", "md5: ", "md5: f", "not recorded; try `dvc repro`"),
        ("dvc.lock", "eta: 0.1", "eta: 0.2", "not recorded; try `dvc repro`"),
    ],
)
def test_files_edited_after_a_stage_are_not_recorded(project, name, old, new, line):
    """MLflow would show it as the code and the text of results that it did not make."""
    project.edit(name, old, new)
    assert line in project.stage("track", code=1)
    assert not waiting(project)


@pytest.mark.slow
def test_an_edit_while_the_run_is_collected_is_not_recorded(project, monkeypatch):
    def edited(params):
        run = this_run(params=params)
        project.edit("src/train.py", '"""train', '"""Train')
        return run

    monkeypatch.setattr(track, "this_run", edited)
    assert "changed files: src/train.py; run not recorded" in project.stage("track", code=1)
    assert not any(entry.tracked for entry in waiting(project))


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


@pytest.mark.slow
def test_a_project_without_a_later_stage_has_a_run_without_its_points(project):
    with chdir(project.folder):
        run = this_run()
    project.edit("dvc.yaml", "      metrics/sample.json,\n", "")
    earlier = this_run(Project(project.folder), run.params)
    assert run.curves.keys() - earlier.curves.keys() == {"known_words", "longest_copy"}
    assert earlier.curves.items() <= run.curves.items()
    assert earlier.results == run.results


@pytest.mark.slow
def test_the_numbers_that_a_stage_of_ones_own_declares_as_metrics_reach_mlflow(project):
    """The metrics of train stay curves; a text, a truth value, and a number of another output are none."""
    tracked(project)
    (before,) = project.runs()
    (project.folder / "metrics/words.json").write_text('{"count": 5, "share": {"of > 9": 0.25}, "a": "b", "c": true}')
    (project.folder / "metrics/other.json").write_text('{"other": 5}')
    own = "metrics/words.json, metrics/other.json"
    project.edit("dvc.yaml", "metrics/sample.json,\n      plots", f"metrics/sample.json, {own},\n      plots")
    stage = "{cmd: x, outs: [metrics/other.json], metrics: [metrics/words.json: {cache: false}]}"
    project.edit("dvc.yaml", "stages:\n", f"stages:\n  words: {stage}\n")
    project.set(eta=0.2)  # another experiment
    tracked(project)
    after = in_order(project)[-1]
    assert after.data.metrics == before.data.metrics | {"count": 5.0, "share.of _ 9": 0.25}
    assert [*history(project.client(), after, "count").items()] == [(400, 5.0)]
