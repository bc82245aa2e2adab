"""One experiment is one run in a real MLflow store, whoever asks and however often."""

import hashlib
import json
import shutil
import time
from contextlib import chdir
from datetime import UTC, datetime

import pytest
from mlflow_project import (
    a_training,
    column,
    history,
    holds_what_the_files_hold,
    in_order,
    sent,
    smooth_losses,
    tracked,
    trainings,
    waiting,
)  # fmt: skip
from rehashed import hashed

from charloom.core.config.pipeline import files
from charloom.tracking.collect import this_run


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
