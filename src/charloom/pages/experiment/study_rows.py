"""The committed study of AdaGrad's start, where it is of the very text that this run is of."""

import csv
from pathlib import Path
from typing import NamedTuple

from charloom.base.errors import Damaged
from charloom.pages.along_updates import Curve
from charloom.results.trial_key import committed, trial_key
from charloom.settings.params import Params


class StudyRow(NamedTuple):
    """A trial: what AdaGrad's accumulator started at, the seed, what came of it; smooth loss in nats per sequence."""

    initial_accumulator_value: float
    seed: int
    held_out_bits_per_character: float
    smooth_loss: Curve


def study_rows(
    params: Params, text_sha256: str, settings: dict[str, float], trials: Path, curves: Path
) -> list[StudyRow]:
    """Return the study's trials where this run's text is theirs, and all params but those of the recipe are; else none.

    A trial's key says so: it is made of them.

    settings  m, eta, seq_length and sigma, which the study has as the published recipe has them
    Raises Damaged, naming the file, where a table is none.
    """
    arithmetic = committed(params.train.dtype)
    recipe = {name: type(getattr(params, name))(value) for name, value in settings.items()}
    found: dict[str, StudyRow] = {}
    for row in _rows(trials):
        try:
            value, seed = float(row["train.initial_accumulator_value"]), int(row["seed"])
            train = params.train.model_copy(update={"initial_accumulator_value": value})
            own = params.model_copy(update={**recipe, "seed": seed, "train": train})
            if row["results"] and trial_key(own, text_sha256, arithmetic) == row["trial"]:
                found[row["trial"]] = StudyRow(value, seed, float(row["held_out_bits_per_character"]), {})
        except (KeyError, ValueError) as error:
            raise _damaged(trials, error) from None
    for row in _rows(curves) if found else ():
        try:
            if row["trial"] in found:
                found[row["trial"]].smooth_loss[int(row["update"])] = float(row["smooth_loss"])
        except (KeyError, ValueError) as error:
            raise _damaged(curves, error) from None
    return list(found.values())


def by_start(trials: list[StudyRow]) -> dict[float, list[float]]:
    """Return the trials' held-out bits per character by what AdaGrad's accumulator started at."""
    starts = sorted({trial.initial_accumulator_value for trial in trials})
    return {
        value: [t.held_out_bits_per_character for t in trials if t.initial_accumulator_value == value]
        for value in starts
    }


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> Damaged:
    return Damaged(f"{path}: {error}: not a study's table; `git restore {path}` brings it back")
