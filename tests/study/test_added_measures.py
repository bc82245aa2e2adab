"""A measure that is added: it invalidates no study, and knows its direction and unit."""

import subprocess
import sys
from pathlib import Path

import pytest
from projects import ROOT

from charloom.core.config.records import Measure
from charloom.core.training.protocol import metrics_of
from charloom.study.freeze import read_study
from charloom.study.measuring import study_measurements
from charloom.study.trial import small_trial
from charloom.study_pages.presentation import Presentation
from charloom.study_pages.study_page import study_page
from seedpairs import answered

ANOTHER_MEASURE = """
from charloom.core.config import records
class TrainMetrics(records.TrainMetrics):
    twice: int | None = None
records.TrainMetrics = TrainMetrics
from charloom.core.training import protocol
def metrics_of(*given, own=protocol.metrics_of):
    metrics = own(*given)
    return metrics.model_copy(update={"twice": 2 * metrics.updates_per_epoch})
protocol.metrics_of = metrics_of
"""
WITH_ANOTHER_MEASURE = """
from pathlib import Path
from charloom.results.study_table import METRIC_NAMES, read_frozen_question, read_runs, write_runs
from charloom.study.freeze import read_study, small_trials
from charloom.study.measuring import study_measurements
from seedpairs import answered
study = read_study(Path("studies/initial_accumulator.yaml"))
assert "twice" in METRIC_NAMES and "twice" not in study.frozen.measures, METRIC_NAMES
assert study.frozen.small_trials == small_trials(study.frozen), "the small trial says another thing"
assert answered(study_measurements(study)).comparisons[0].verdict == "better"
folder, asked = Path(__import__("sys").argv[1]), study.frozen.model_copy(update={"measures": METRIC_NAMES})
assert asked.small_trials != small_trials(asked), "the small trial leaves the new measure out"
runs = {
    key: run._replace(metrics=run.metrics.model_copy(update={"twice": 2})) for key, run in study.runs.items()
}
write_runs(folder, study.columns, runs.items(), METRIC_NAMES)
assert read_runs(folder, asked) == runs
old, new = (next(iter(each.values())).metrics for each in (study.runs, runs))
assert (old.twice, new.twice) == (None, 2)
write_runs(folder, study.columns, study.runs.items(), study.frozen.measures)
assert (folder / "trials.csv").read_bytes() == (study.folder / "trials.csv").read_bytes()
print("as before")
"""


@pytest.mark.slow
def test_a_measure_that_is_added_invalidates_no_study(tmp_path):
    command = [sys.executable, "-c", ANOTHER_MEASURE + WITH_ANOTHER_MEASURE, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.stdout == "as before\n", done.stderr


class Right(str):
    """A measure that no training has yet."""

    value, unit, better, least, of_held_out = property(str), "percent", "higher", 0.5, True


@pytest.mark.slow
def test_a_measure_knows_which_values_are_better_and_its_unit(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(Measure, "from_name", lambda name: {"right": Right(name)}.get(name))
    study = read_study(Path("studies/initial_accumulator.yaml"))
    verdict = answered(study_measurements(study)).comparisons[0].verdict
    runs = {
        key: run._replace(metrics=run.metrics.model_copy(update={"right": -run.metrics.held_out_bits_per_character}))
        for key, run in study.runs.items()
    }
    question = study.question.model_copy(update={"measure": Right("right")})
    study = study._replace(runs=runs, question=question)
    answer = answered(study_measurements(study))
    assert (answer.better, answer.comparisons[0].verdict) == ("higher", verdict)
    page, picture, _ = study_page(study, Presentation(answer))
    for words in ("higher is better", "in percent", "better →"):
        assert words in page, words
    assert "right (better →)" in picture


@pytest.mark.slow
def test_the_digest_of_a_small_trial_covers_the_measures_too(monkeypatch):
    def other(*given):
        metrics = metrics_of(*given)
        return metrics.model_copy(update={"smooth_loss": metrics.smooth_loss + 1})

    before = small_trial("adagrad float64")
    small_trial.cache_clear()
    monkeypatch.setattr("charloom.study.trial.metrics_of", other)
    assert small_trial("adagrad float64") != before
    small_trial.cache_clear()
