"""One trial: a training in memory, from params and a text to a run. It writes no file, and needs no DVC and no MLflow.

The results have the same bits as a run of the pipeline with these params and this text, on any processor. Before a
trial, a worker checks that its process has the code of the study's process.
"""

from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from platform import node
from typing import Any

import numpy as np

from charloom import core
from charloom.core.backend.backends import BACKENDS
from charloom.core.base.errors import CheckFailed, Diverged
from charloom.core.config.params import Params, with_silent
from charloom.core.config.records import PART_MEASURE
from charloom.core.network.recipe import COMPILED, KERNEL, NUMPY, OPTIMIZERS, Recipe
from charloom.core.network.state import initial_state
from charloom.core.text.corpus import Text, read_prepared, split
from charloom.core.text.vocabulary import Vocabulary
from charloom.core.training.headline import DIVERGED, outcome_of
from charloom.core.training.protocol import Trained, Training, hash_of, metrics_of
from charloom.core.training.trace import EMPTY, EVERY
from charloom.results.dvc_lock import md5
from charloom.results.keys import short_digest
from charloom.results.run import POINTS, Run, thinned
from charloom.results.study_table import METRIC_NAMES
from charloom.signature.hashes import RECIPES, SMALL_TEXT, arithmetic

CORE = Path(core.__file__).parent
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
def small_trial(kind: str, measures: tuple[str, ...] = METRIC_NAMES) -> str:
    """Return a digest of the results of four small trainings with this kind of recipe (see Recipe.kind).

    The results are outcomes, the given metrics (`measures`), curves, and hashes of weights and trace. The digest
    changes if an edit of the source code changes a result of these trainings, in the kernel or in a measure. An edit
    that changes no result leaves the digest as it is.
    """
    recipe = next((recipe for recipe in RECIPES.values() if recipe.kind == kind), None)
    if recipe is None:  # of the backend `numpy`, whose optimiser may be unknown to the kernel
        recipe = RECIPES[kind.removeprefix(f"{NUMPY} ").replace(f"{kind.split()[-2]} ", "")]
    values = {
        "backend": NUMPY if kind.startswith(NUMPY) else KERNEL,
        "m": recipe.m, "seq_length": recipe.seq_length, "sigma": recipe.sigma, "seed": 1, "batch": recipe.batch,
        "optimizer": kind.split()[-2], "prepare.text": "-", "prepare.held_out": 0.5, "gradcheck.tolerance": 1.0,
        "gradcheck.entries": 1, "gradcheck.seed": 1, "train.updates": 400, "train.loss": recipe.loss,
        "train.initial_accumulator_value": 0.0, "train.clip": recipe.clip, "train.dtype": recipe.dtype,
        "train.checkpoint_every": 100, "train.save_every": 100, "train.target_smooth_loss": 30.0,
        "train.held_out_characters": 900, "train.order": recipe.order.name,
        "train.chunk_length": max(recipe.order.chunk_length, recipe.seq_length), "sample.length": 1,
        "sample.best_length": 1, "sample.temperature": 1.0,
    }  # fmt: skip
    vocabulary = Vocabulary("".join(sorted(set(SMALL_TEXT))))
    ids, rows = vocabulary.encode(SMALL_TEXT), list[Any]()
    for overrides in SMALL:
        eta = overrides.get("eta", recipe.optimizer.eta) or 0.9 * float(np.finfo(recipe.dtype).max)
        params = Params.model_validate(with_silent(values | overrides | {"eta": eta}))
        end, _ = split(len(ids), params.prepare.held_out)
        run = train_trial(params, Text(vocabulary, ids[:end], ids[end:]), "")
        # A newer version may have further measures: another digest refuses its rows.
        metrics = {name: getattr(run.metrics, name, None) for name in measures} if run.metrics else None
        rows.append([run.outcome, metrics, run.curves, run.results])
    return short_digest(rows)


@lru_cache
def computes_like_kernel(kind: str) -> bool:
    """Return whether network/ computes what the kernel computes, but for rounding, for a kind of the backend `numpy`.

    The result is False if the kernel does not know the optimiser.
    """
    *_, optimizer, dtype = kind.split()
    if not kind.startswith(NUMPY) or optimizer not in COMPILED:
        return False
    weights = list[Any]()
    for backend in (NUMPY, KERNEL):
        recipe = Recipe(8, 5, 0.5, 5.0, dtype, OPTIMIZERS[optimizer](0.1), backend=backend)
        after = BACKENDS[backend].advance(initial_state(recipe, 23, 1), np.arange(40) ** 2 % 23, 3, recipe)
        weights.append(after.after.theta.flat)
    return np.allclose(weights[0], weights[1], rtol=0, atol=1e-4 if dtype == "float32" else 1e-9)


def train_trial(params: Params, text: Text, text_sha256: str, threads: int | None = None) -> Run:
    """Train with `threads` threads (None: as many as are fastest), and return the run.

    If the training diverges, the run has the outcome DIVERGED, no metrics, and the curves up to the divergence.
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
    curves = {x: thinned(curve, POINTS[x]) for x, curve in (("smooth_loss", smooth), (PART_MEASURE, held_out))}
    return Run(params, text_sha256, outcome, metrics, curves, results, passages=passages)


_prepared = lru_cache(read_prepared)


def code_digests(kinds: Collection[str]) -> dict[str, str]:
    """Return the digests of the code that all processes must have: of charloom/core, and of each kind's arithmetic.

    The arithmetic is computed in this process, by the compiled kernel, and not read from signature.json.
    """
    return {"code of core": str(md5(CORE))} | {f"{kind} arithmetic": arithmetic(kind) for kind in kinds}


def checked_trial(
    params: Params, expected: dict[str, str], text: Path | Text, text_sha256: str, threads: int | None
) -> Run:
    """Check the code of this worker process, then train a trial and return the trial's run.

    text  the path of a prepared file, or its content

    Raises CheckFailed, and trains nothing, if the digests of this process's code are not `expected`.
    """
    digests = code_digests([params.recipe.kind])
    if names := [name for name in digests if digests[name] != expected.get(name)]:
        differ = "; ".join(f"its {name} is {digests[name]}, not {expected.get(name)}" for name in names)
        raise CheckFailed(f"the worker on {node()} has other code: {differ}")
    return train_trial(params, _prepared(text) if isinstance(text, Path) else text, text_sha256, threads)
