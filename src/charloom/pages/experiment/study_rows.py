"""The committed study of AdaGrad's start, where it is of the very text that this run is of."""

from pathlib import Path
from typing import Any, NamedTuple

from charloom.pages.along_updates import Curve
from charloom.results.identity import trial_params
from charloom.results.run import Run
from charloom.results.study_table import read_asked, read_runs

START = "train.initial_accumulator_value"


class StudyRow(NamedTuple):
    """A trial: its seed, what held-out text costs it, and its smooth loss in nats per sequence."""

    seed: int
    held_out_bits_per_character: float
    smooth_loss: Curve


Study = dict[float, list[StudyRow]]  # by what AdaGrad's accumulator started at, the smallest first


def study_rows(run: Run, published: dict[str, float], asked: Path) -> Study:
    """Return the study's trials where this run's text is theirs, and all params but those of the recipe are; else none.

    published  m, eta, seq_length and sigma, which the study has as the published recipe has them
    asked      what the study asked; its tables lie beside it
    Raises Damaged, naming the file, where one is none.
    """
    question = read_asked(asked)
    if run.text_sha256 != question.sha256:
        return {}

    def apart(params: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in params.items() if name not in {*published, START, "seed"}}

    found: Study = {}
    for each in read_runs(asked.parent, question).values():
        bits = each.metrics.held_out_bits_per_character if each.metrics else None
        if bits is not None and apart(trial_params(each.params)) == apart(trial_params(run.params)):
            row = StudyRow(each.seed, bits, each.curves["smooth_loss"])
            found.setdefault(each.params.train.initial_accumulator_value, []).append(row)
    return dict(sorted(found.items()))


def bits_of(study: Study) -> dict[float, list[float]]:
    """Return the trials' held-out bits per character."""
    return {start: [row.held_out_bits_per_character for row in rows] for start, rows in study.items()}
