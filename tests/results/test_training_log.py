"""The log of a training says how it went, whatever ends it, and is read while it grows."""

import json
import signal

import pytest
from projects import ROOT

from charloom.base.signals import Stopped
from charloom.results.identity import experiment_key
from charloom.results.training_log import Log, logs_of, training_log
from charloom.settings.params import read_params

PARAMS = read_params(ROOT / "params.yaml")
KEY = experiment_key(PARAMS, "a" * 64)
POINTS = [("smooth_loss", 0, 1.5), ("smooth_loss", 100, 1.25)]


def the_log(folder) -> Log:
    (log,) = logs_of(folder, KEY)
    return log


def test_a_log_holds_the_points_and_at_its_end_the_hash_of_the_results(tmp_path):
    with training_log(tmp_path, PARAMS, "a" * 64) as log:
        log.points(POINTS)
        assert the_log(tmp_path).end is None
        log.results = "f" * 64
    read = the_log(tmp_path)
    assert [point[:3] for point in read.points] == POINTS
    assert (read.head.experiment, read.head.params) == (KEY, PARAMS)
    assert (read.end.status, read.end.results) == ("FINISHED", "f" * 64)
    assert read.head.started <= read.points[0][3] <= read.end.ended


def test_a_stopped_training_has_a_log_that_says_so_and_no_results(tmp_path):
    def training() -> None:
        with training_log(tmp_path, PARAMS, "a" * 64) as log:
            log.results = "f" * 64
            raise Stopped(signal.SIGTERM)

    with pytest.raises(Stopped):
        training()
    assert (the_log(tmp_path).end.status, the_log(tmp_path).end.results) == ("KILLED", None)


def test_a_line_is_read_once_and_not_before_it_is_whole(tmp_path):
    with training_log(tmp_path, PARAMS, "a" * 64) as log:
        reader = the_log(tmp_path)
        line = json.dumps([*POINTS[0], 7.0])
        for part in (line[:9], line[9:], "\n"):
            assert reader.points == []
            with log.path.open("a") as file:
                file.write(part)
            reader.read()
        reader.read()
        assert reader.points == [(*POINTS[0], 7.0)]


def test_a_line_that_was_cut_off_costs_no_other_and_is_named(tmp_path, capsys):
    with training_log(tmp_path, PARAMS, "a" * 64) as log, log.path.open("a") as file:
        file.write('["smooth_loss", 0, \n["smooth_loss", 100, 1.25, 7.0]\n')
    assert the_log(tmp_path).points == [("smooth_loss", 100, 1.25, 7.0)]
    assert the_log(tmp_path).end.status == "FINISHED"
    assert capsys.readouterr().err == f"warning: {log.path}: damaged lines are left out\n"


def test_a_changed_digit_costs_its_line_alone(tmp_path, capsys):
    with training_log(tmp_path, PARAMS, "a" * 64) as log:
        log.points(POINTS)
    log.path.write_text(log.path.read_text().replace("1.25", "1.26"))
    assert [point[:3] for point in the_log(tmp_path).points] == POINTS[:1]
    assert the_log(tmp_path).end
    assert str(log.path) in capsys.readouterr().err


def test_a_log_without_digests_is_read_as_it_was(tmp_path, capsys):
    with training_log(tmp_path, PARAMS, "a" * 64) as log:
        log.points(POINTS)
    log.path.write_text("".join(f"{line.partition(chr(9))[0]}\n" for line in log.path.read_text().splitlines()))
    assert [point[:3] for point in the_log(tmp_path).points] == POINTS
    assert capsys.readouterr().err == ""


def test_what_is_no_log_is_left_out_and_named(tmp_path, capsys):
    with training_log(tmp_path, PARAMS, "a" * 64) as log:
        head = log.path.read_text()
    folder = log.path.parent
    (folder / "folder.jsonl").mkdir()
    (folder / "headless.jsonl").write_text('["smooth_loss", 0, 1.5, 7.0]\n')
    (folder / "lacking.jsonl").write_text(head.partition("\t")[0].replace('"processor"', '"procesor"') + "\n")
    the_log(tmp_path)
    said = capsys.readouterr().err
    assert f"{folder}/folder.jsonl: left out: Is a directory\n" in said
    assert f"{folder}/headless.jsonl: left out: a training's log begins with its head\n" in said
    assert f"{folder}/lacking.jsonl: damaged lines are left out\n" in said


def test_a_log_that_cannot_be_written_stops_no_training(tmp_path):
    (tmp_path / KEY).write_text("a file where a folder belongs")
    with training_log(tmp_path, PARAMS, "a" * 64) as log:
        log.points(POINTS)
    assert logs_of(tmp_path, KEY) == []
