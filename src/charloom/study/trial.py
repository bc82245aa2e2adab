"""One trial: a training in memory, from params and a text to a run. It uses no file, no DVC and no MLflow.

The results have the same bits as a run of the pipeline with these params and this text, on any processor.
"""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from charloom.base.errors import Diverged
from charloom.results.identity import DIGITS, with_silent
from charloom.results.records import MEASURE_OF_PART
from charloom.results.run import DIVERGED, POINTS, Run, outcome_of, thinned
from charloom.results.study_table import METRICS
from charloom.settings.params import Params, overridden
from charloom.signature.hashes import RECIPES, TEXT
from charloom.text.corpus import Text, split
from charloom.text.vocabulary import Vocabulary
from charloom.training.protocol import Trained, Training, hash_of, metrics_of
from charloom.training.trace import EMPTY, EVERY

SMALL: tuple[dict[str, Any], ...] = (  # trainings that together have every kind of entry that a row can have
    {},
    {  # starts above 0, reads the text several times, and has more points than a table keeps of a curve
        "seed": 2, "train.initial_accumulator_value": 10.0, "m": 2, "seq_length": 1, "prepare.held_out": 0.3,
        "train.updates": 15_100, "train.checkpoint_every": 300,
    },
    {"eta": 1000.0, "train.updates": 40, "train.checkpoint_every": 10},  # ends worse than a uniform guess
    {"eta": None, "train.updates": 40},  # diverges, with nearly the largest rate that its dtype has
)  # fmt: skip


@lru_cache
def small_trial(kind: str, measures: tuple[str, ...] = METRICS) -> str:
    """Return a digest of the results of four small trainings with this kind of recipe.

    The results are outcomes, the given metrics (`measures`), curves, and hashes of weights and trace. The digest
    changes if an edit of the source code changes a result of these trainings, in the kernel or in a measure. An edit
    that changes no result leaves the digest as it is.
    """
    recipe = next(recipe for recipe in RECIPES.values() if recipe.kind == kind)
    name, chunk_length = recipe.order
    values = {
        "m": recipe.m, "eta": recipe.optimizer.eta, "seq_length": recipe.seq_length, "sigma": recipe.sigma, "seed": 1,
        "batch": recipe.batch, "optimizer": kind.split()[-2], "prepare": {"text": "-", "held_out": 0.5},
        "gradcheck": {"tolerance": 1.0, "entries": 1, "seed": 1},
        "train": {
            "updates": 400, "loss": recipe.loss, "initial_accumulator_value": 0.0, "clip": recipe.clip,
            "dtype": recipe.dtype, "checkpoint_every": 100, "save_every": 100, "target_smooth_loss": 30.0,
            "held_out_characters": 900, "order": name, "chunk_length": max(chunk_length, recipe.seq_length),
        },
        "sample": {"length": 1, "best_length": 1, "temperature": 1.0},
    }  # fmt: skip
    params = Params.model_validate(with_silent(values))
    vocabulary = Vocabulary("".join(sorted(set(TEXT))))
    ids, rows = vocabulary.encode(TEXT), list[Any]()
    for overrides in SMALL:
        eta = overrides.get("eta", recipe.optimizer.eta) or 0.9 * float(np.finfo(recipe.dtype).max)
        varied = overridden(params, overrides | {"eta": eta}, Path("a small trial"))
        end, _ = split(len(ids), varied.prepare.held_out)
        run = train_trial(varied, Text(vocabulary, ids[:end], ids[end:]), "")
        metrics = {name: getattr(run.metrics, name) for name in measures} if run.metrics else None
        rows.append([run.outcome, metrics, run.curves, run.results])
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:DIGITS]


def train_trial(params: Params, text: Text, text_sha256: str, threads: int | None = None) -> Run:
    """Train with `threads` threads (None: as many as are fastest), and return the run.

    If the training diverges, the run has this outcome, no metrics, and the curves up to the divergence.
    """
    training, outcome = Training(params, text, Path(), {}), ""
    trace, held_out, passages, metrics, results = EMPTY, dict[int, float](), tuple[float, ...](), None, ""
    try:
        for block in training.blocks(training.initial(), EMPTY, params.train.updates, threads=threads):
            rows, trace = block.rows, block.trace
            if block.held_out is not None:
                held_out[rows.state.update] = block.held_out
        trained = Trained(rows, trace, held_out)
        metrics, results = metrics_of(training, trained), hash_of(trained)
        outcome = outcome_of(metrics, len(text.vocabulary), params.seq_length)
        passages = training.passages(rows.state.theta, rows.state.carried)
    except Diverged as diverged:
        outcome = f"{DIVERGED} at update {diverged.state.update}"
    smooth = {n * EVERY: float(loss) for n, loss in enumerate(trace.smooth_losses)}
    curves = {"smooth_loss": smooth, MEASURE_OF_PART: held_out}
    curves = {name: thinned(curve, POINTS[name]) for name, curve in curves.items()}
    return Run(params, text_sha256, outcome, metrics, curves, results, passages=passages)
