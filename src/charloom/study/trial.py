"""One trial: params and a text go in, what their training comes to goes out. No file, no DVC, no MLflow.

Its bits are those of the pipeline's run of the same params and text, on any processor.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from charloom.base.errors import Diverged
from charloom.results.identity import DIGITS
from charloom.results.records import MEASURE_OF_PART
from charloom.results.run import DIVERGED, POINTS, Run, outcome_of, thinned
from charloom.settings.params import Params
from charloom.signature.hashes import RECIPES, TEXT
from charloom.study.study_file import Study
from charloom.text.corpus import Text
from charloom.text.vocabulary import Vocabulary
from charloom.training.loop import train
from charloom.training.protocol import Trained, Training, hash_of, metrics_of
from charloom.training.trace import EMPTY, EVERY, extended


class Trial(NamedTuple):
    """A setting, by its name, and a seed: what is trained, and the key of its row."""

    setting: str
    seed: int
    params: Params
    key: str


def trials_of(study: Study) -> dict[str, list[Trial]]:
    """Return the trials of each setting, in the order of the seeds."""

    def trial(setting: str, seed: int) -> Trial:
        params = study.settings[setting].model_copy(update={"seed": seed})
        return Trial(setting, seed, params, study.asked.key(params))

    return {setting: [trial(setting, seed) for seed in study.question.seeds] for setting in study.settings}


def trials_there(study: Study, runs: Mapping[str, Run]) -> dict[str, list[Trial]]:
    """Return those of each setting that have a run."""
    return {name: [trial for trial in each if trial.key in runs] for name, each in trials_of(study).items()}


@lru_cache
def small_trial(kind: str) -> str:
    """Return a digest of all that a row says of a small training by this kind of recipe: its metrics, its curves, too.

    The signature covers the kernel alone. This changes with an edit of a measure, and with no edit of words.
    """
    recipe = next(recipe for recipe in RECIPES.values() if recipe.kind == kind)
    params = Params.model_validate(
        {
            "m": recipe.m, "eta": recipe.optimizer.eta, "seq_length": recipe.seq_length, "sigma": recipe.sigma,
            "seed": 1, "optimizer": kind.partition(" ")[0], "prepare": {"text": "-", "held_out": 0.5},
            "gradcheck": {"tolerance": 1.0, "entries": 1, "seed": 1},
            "train": {
                "updates": 400, "initial_accumulator_value": 0.0, "clip": recipe.clip, "dtype": recipe.dtype,
                "checkpoint_every": 100, "save_every": 100, "target_smooth_loss": 30.0, "held_out_characters": 900,
            },
            "sample": {"length": 1, "best_length": 1, "temperature": 1.0},
        }
    )  # fmt: skip
    vocabulary = Vocabulary("".join(sorted(set(TEXT))))
    ids = vocabulary.encode(TEXT)
    run = train_trial(params, Text(vocabulary, ids[: len(ids) // 2], ids[len(ids) // 2 :]), "")
    said = [run.outcome, run.metrics.model_dump() if run.metrics else None, run.curves, run.results]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:DIGITS]


def train_trial(params: Params, text: Text, text_sha256: str) -> Run:
    """Train, and return what it came to."""
    each, training, outcome = params.train, Training(params, text, Path(), {}), ""
    trace, held_out, metrics, results = EMPTY, dict[int, float](), None, ""
    try:
        for rows in train(training.initial(), text.training, each.updates, training.every, params.recipe):
            trace = extended(trace, rows, training.epoch, each.target_smooth_loss)
            if rows.state.update % each.checkpoint_every == 0:
                bits = training.held_out_along(rows.state.theta, rows.state.h)
                held_out |= {} if bits is None else {rows.state.update: bits}
        trained = Trained(rows, trace, held_out)
        metrics, results = metrics_of(training, trained), hash_of(trained)
        outcome = outcome_of(metrics, len(text.vocabulary), params.seq_length)
    except Diverged as diverged:
        outcome = f"{DIVERGED} at update {diverged.state.update}"
    smooth = {n * EVERY: float(loss) for n, loss in enumerate(trace.smooth_losses)}
    curves = {"smooth_loss": smooth, MEASURE_OF_PART: held_out}
    curves = {name: thinned(curve, POINTS[name]) for name, curve in curves.items()}
    return Run(params, text_sha256, outcome, metrics, curves, results)
