"""The record of a training says how it went, whatever ends it, and is read while it grows."""

import json
import shutil
import signal
import time
from pathlib import Path

import pytest
from projects import ROOT

from charloom.core.base.signals import Stopped
from charloom.core.config.reading import read_params
from charloom.core.runtime import provenance
from charloom.core.runtime.provenance import sender_identity
from charloom.core.training import record as record_module
from charloom.core.training.record import Recording
from charloom.results.keys import experiment_key
from charloom.tracking.entries import Entry, entries
from charloom.tracking.spool import RATE

PARAMS = read_params(ROOT / "params.yaml")
KEY = experiment_key(PARAMS, "a" * 64)
POINTS = [("smooth_loss", 0, 1.5), ("smooth_loss", 100, 1.25)]


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def training(key: str = "k", params=PARAMS):
    return Recording(key, params, "a" * 64)


def the_entry() -> Entry:
    (entry,) = entries()
    return entry


def in_order(entry: Entry) -> list:
    return [(name, update, value) for (name, update), (value, _) in entry.points.items()]


def test_a_record_holds_the_points_and_at_its_end_the_hash_of_the_results():
    with training() as record:
        record.points(POINTS)
        assert the_entry().end is None
        assert not the_entry().has_ended
        record.results = "f" * 64
    entry = the_entry()
    assert in_order(entry) == POINTS
    assert (entry.first.experiment, entry.first.params) == (KEY, PARAMS)
    assert (entry.end.status, entry.end.results, entry.results) == ("FINISHED", "f" * 64, "f" * 64)
    assert entry.first.started <= entry.points["smooth_loss", 0][1] <= entry.end.ended
    assert entry.has_ended


@pytest.mark.parametrize("later", [[], [("smooth_loss", 200, 1.0)]], ids=["with its end", "with its next point"])
def test_a_record_that_was_delivered_while_its_training_went_on_begins_again(later):
    with training() as record:
        record.points(POINTS)
        shutil.rmtree(the_entry().folder)
        record.points(later)
        record.results = "f" * 64
    assert in_order(the_entry()) == later
    assert (the_entry().end.status, len(the_entry().trainings)) == ("FINISHED", 1)


def stopped() -> None:
    with training() as record:
        record.points(POINTS)
        record.results = "f" * 64
        raise Stopped(signal.SIGTERM)


def test_a_resumed_training_continues_its_record_with_first_times_of_points():
    with pytest.raises(Stopped):
        stopped()
    first = the_entry()
    assert (first.end.status, first.end.results, first.trainings) == ("KILLED", None, [])
    for trainings, later in enumerate((("smooth_loss", 200, 1.0), (RATE, 300, 7.0)), 1):  # a repetition adds no point
        time.sleep(0.01)
        with training() as record:
            assert the_entry().end is None
            record.points([*POINTS[1:], later])
            record.results = "f" * 64
        entry = the_entry()
        assert entry.first == first.first
        assert entry.start.started > entry.first.started
        assert in_order(entry) == [*POINTS, ("smooth_loss", 200, 1.0)]
        assert entry.points["smooth_loss", 100] == first.points["smooth_loss", 100]
        assert len(entry.trainings) == trainings


@pytest.mark.parametrize("batch", [1, 8])
def test_the_rate_counts_the_characters_of_all_sequences_of_a_batch(batch, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(record_module.time, "time", lambda: now[0])
    with training(params=PARAMS.model_copy(update={"batch": batch})) as record:
        record.points([("smooth_loss", 0, 4.0)])
        now[0] = 120.0
        record.points([("smooth_loss", 4000, 3.0)])
        record.points([("smooth_loss", 4100, 3.0)])
    rates = {at: value for at, (value, _) in the_entry().points.items() if at[0] == RATE}
    assert rates == {(RATE, 4000): 4000 * 25 * batch / 20.0}


def test_a_line_after_one_that_was_cut_off_is_read():
    with training() as record:
        with record.path.open("a") as file:
            file.write('["smooth_loss", 0, ')
        record.points(POINTS[1:])
    assert in_order(the_entry()) == POINTS[1:]


def test_a_line_that_was_cut_off_costs_no_other_and_is_named(capsys):
    with training() as record:
        with record.path.open("a") as file:
            file.write('["smooth_loss", 0, ')
        reader = the_entry()
        line = json.dumps([*POINTS[1], 7.0])
        for part in ("\n", line[:9], line[9:], "\n"):  # a line is not read before it is whole, and read once
            assert not reader.points
            with record.path.open("a") as file:
                file.write(part)
            reader.read()
        reader.read()
        assert in_order(reader) == POINTS[1:]
    record.path.write_text(record.path.read_text().replace('"status": "FINISHED"', '"status": "FAILED"'))
    assert in_order(the_entry()) == POINTS[1:]
    assert not the_entry().end  # a changed line is a damaged one
    assert capsys.readouterr().err == f"warning: {record.path}: skipped damaged lines; MLflow may lack points\n"


def test_a_damaged_record_is_skipped_and_named_unless_it_is_empty(capsys):
    with training() as record:
        start = record.path.read_text()
    folder = record.path.parent
    for name, content in {
        "begun": "",
        "headless": '["smooth_loss", 0, 1.5, 7.0]\n',
        "lacking": start.partition("\t")[0].replace('"commit"', '"comit"') + "\n",
    }.items():
        (folder.with_name(name)).mkdir()
        (folder.with_name(name) / "run.jsonl").write_text(content)
    (folder.with_name("folder") / "run.jsonl").mkdir(parents=True)
    the_entry()
    said = capsys.readouterr().err
    assert f"{folder.parent}/folder/run.jsonl: not sent to MLflow: Is a directory\n" in said
    assert f"{folder.parent}/headless/run.jsonl: not sent to MLflow: the line that names the training is" in said
    assert f"{folder.parent}/begun" not in said
    assert f"{folder.parent}/lacking/run.jsonl: skipped damaged lines; MLflow may lack points\n" in said


def test_a_record_that_cannot_be_written_stops_no_training(tmp_path):
    (tmp_path / ".charloom").write_text("a file where a folder belongs")
    with training() as record:
        record.points(POINTS)
    assert list(entries()) == []


@pytest.mark.parametrize(
    ("name", "value", "differs"),
    [
        ("MLFLOW_TRACKING_URI", "http://ann:secret@host:5001/x", True),
        ("MLFLOW_TRACKING_URI", "http://ann:word@host:5000/x", False),
        ("MLFLOW_TRACKING_URI", "http://ben:secret@host:5000/x", True),
        ("MLFLOW_TRACKING_USERNAME", "ben", True),
        ("MLFLOW_TRACKING_PASSWORD", "another-secret", False),
        ("HTTPS_PROXY", "http://proxy", False),
    ],
)
def test_a_sender_is_named_by_store_and_user_without_a_password(monkeypatch, name, value, differs):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:secret@host:5000/x")
    before = sender_identity()
    monkeypatch.setenv(name, value)
    assert (sender_identity() != before) == differs


def test_other_sources_are_another_sender(monkeypatch):
    before = sender_identity()
    monkeypatch.setattr(provenance, "SOURCES", Path("/none"))
    assert sender_identity() != before
