"""The provenance of a training: what no result may contain."""

import time

import pytest

from charloom.core.runtime.provenance import begin, end, provenance_in


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "trainings/x.json"


def test_a_training_has_an_id_times_a_machine_and_the_hash_of_its_results(file, monkeypatch):
    monkeypatch.setenv("DVC_EXP_NAME", "lemon-tree")
    training, now = begin(file, resumed=False), time.time()
    assert provenance_in(file) == training
    assert (training.ended, training.results, training.dvc_experiment) == (None, "", "lemon-tree")
    assert abs(training.started - now) < 60
    assert all(training.machine[name] for name in ("processor", "system", "python", "numpy", "numba"))
    end(file, training, "f" * 64)
    ended = provenance_in(file)
    assert ended.ended >= ended.started
    assert (ended.id, ended.results) == (training.id, "f" * 64)


def test_a_resumed_training_keeps_its_id_and_first_start_and_a_repeated_one_does_not(file):
    first = begin(file, resumed=False)
    time.sleep(0.01)
    resumed = begin(file, resumed=True)
    assert (resumed.id, resumed.started) == (first.id, first.started)
    end(file, resumed, "f" * 64)
    for is_resumed in (True, False):
        assert begin(file, resumed=is_resumed).id != first.id


@pytest.mark.parametrize("content", [None, "", "{", '{"id": "x"}'])
def test_a_missing_or_damaged_file_is_no_provenance(file, content):
    if content is not None:
        file.parent.mkdir()
        file.write_text(content)
    assert provenance_in(file) is None


def test_a_file_that_cannot_be_written_stops_no_training(file):
    file.parent.write_text("a file where a folder belongs")
    training = begin(file, resumed=False)
    end(file, training, "f" * 64)
    assert provenance_in(file) is None
