"""One trial: params and a text go in, what their training comes to goes out. No file, no DVC, no MLflow.

Its bits are those of the pipeline's run of the same params and text, on any processor.
"""

import math
import time
from pathlib import Path
from typing import NamedTuple

from charloom.base.errors import Diverged
from charloom.results.curves import POINTS, thinned
from charloom.results.records import MEASURE_OF_PART, TrainMetrics
from charloom.settings.params import Params
from charloom.text.corpus import Text
from charloom.training.loop import train
from charloom.training.protocol import Trained, Training, hash_of, metrics_of
from charloom.training.trace import EMPTY, EVERY, extended

TRAINED, WORSE, DIVERGED = "trained", "worse than uniform", "diverged"

Curves = dict[str, dict[int, float]]  # by name, values by update


class Outcome(NamedTuple):
    """What a trial came to.

    outcome  TRAINED; WORSE, than a uniform guess; or DIVERGED and at which update
    metrics  None where it diverged
    curves   with at most POINTS each
    results  the hash of the results; empty where it diverged
    seconds  by the clock
    """

    outcome: str
    metrics: TrainMetrics | None
    curves: Curves
    results: str
    seconds: float


def train_trial(params: Params, text: Text) -> Outcome:
    """Train, and return what it came to."""
    began, each = time.perf_counter(), params.train
    training = Training(params, text, Path(), {})
    trace, held_out, diverged_at = EMPTY, dict[int, float](), None
    try:
        for rows in train(training.initial(), text.training, each.updates, training.every, params.recipe):
            trace = extended(trace, rows, training.epoch, each.target_smooth_loss)
            if rows.state.update % each.checkpoint_every == 0:
                bits = training.held_out_along(rows.state.theta, rows.state.h)
                held_out |= {} if bits is None else {rows.state.update: bits}
    except Diverged as diverged:
        diverged_at = diverged.state.update
    smooth = {n * EVERY: float(loss) for n, loss in enumerate(trace.smooth_losses)}
    curves = {"smooth_loss": smooth, MEASURE_OF_PART: held_out}
    curves = {name: thinned(curve, POINTS[name]) for name, curve in curves.items()}
    if diverged_at is not None:
        return Outcome(f"{DIVERGED} at update {diverged_at}", None, curves, "", time.perf_counter() - began)
    trained = Trained(rows, trace, held_out)
    metrics = metrics_of(training, trained)
    outcome = WORSE if _worse_than_uniform(metrics, len(text.vocabulary), params.seq_length) else TRAINED
    return Outcome(outcome, metrics, curves, hash_of(trained), time.perf_counter() - began)


def _worse_than_uniform(metrics: TrainMetrics, K: int, seq_length: int) -> bool:
    bits = metrics.held_out_bits_per_character
    return metrics.smooth_loss > seq_length * math.log(K) if bits is None else bits > math.log2(K)
