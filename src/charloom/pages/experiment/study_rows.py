"""The committed study of AdaGrad's start, where it is of the very text that this run is of."""

from pathlib import Path
from typing import Any, NamedTuple

from charloom.pages.along_updates import Curve
from charloom.results.identity import trial_params
from charloom.results.run import Run
from charloom.results.study_table import read_asked, read_runs

START = "train.initial_accumulator_value"


class StudyRow(NamedTuple):
    """A trial: what AdaGrad's accumulator started at, the seed, what came of it; smooth loss in nats per sequence."""

    initial_accumulator_value: float
    seed: int
    held_out_bits_per_character: float
    smooth_loss: Curve


def study_rows(run: Run, published: dict[str, float], asked: Path) -> list[StudyRow]:
    """Return the study's trials where this run's text is theirs, and all params but those of the recipe are; else none.

    published  m, eta, seq_length and sigma, which the study has as the published recipe has them
    asked      what the study asked; its tables lie beside it
    Raises Damaged, naming the file, where one is none.
    """
    question = read_asked(asked)
    if run.text_sha256 != question.sha256:
        return []

    def apart(params: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in params.items() if name not in {*published, START, "seed"}}

    return [
        StudyRow(each.params.train.initial_accumulator_value, each.seed, bits, each.curves["smooth_loss"])
        for each in read_runs(asked.parent, question).values()
        if each.metrics
        and (bits := each.metrics.held_out_bits_per_character) is not None
        and apart(trial_params(each.params)) == apart(trial_params(run.params))
    ]


def by_start(trials: list[StudyRow]) -> dict[float, list[float]]:
    """Return the trials' held-out bits per character by what AdaGrad's accumulator started at."""
    starts = sorted({trial.initial_accumulator_value for trial in trials})
    return {
        value: [t.held_out_bits_per_character for t in trials if t.initial_accumulator_value == value]
        for value in starts
    }
