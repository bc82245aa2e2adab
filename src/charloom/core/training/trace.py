"""The trace: the part of a training's rows (see training/__init__.py) that the results contain, and sums per epoch."""

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from charloom.core.base.types import Array
from charloom.core.network.state import STATISTICS_EVERY, UpdateResults

EVERY = 100


@dataclass(frozen=True, eq=False)
class Trace:
    """A summary of the first rows of a training. Losses are in nats per sequence, the mean over a batch.

    rows           number of rows summarized; a row is the results of one update
    smooth_losses  smooth losses of row 0 and every hundredth row
    losses         losses of the first hundred rows
    epoch_sums     sum of the losses of each epoch, added in the order of the rows; the last epoch may be unfinished
    statistics     (n, 4) statistics of row 0 and every thousandth row: see UpdateResults in network/state.py
    first_below    the first row with a smooth loss below the target, −1 if there is none
    """

    rows: int
    smooth_losses: Array
    losses: Array
    epoch_sums: Array
    statistics: Array
    first_below: int = -1


EMPTY = Trace(0, np.empty(0), np.empty(0), np.empty(0), np.empty((0, 4)))


def extended(trace: Trace, rows: UpdateResults, sequences: int, target: float) -> Trace:
    """Return the trace with more rows appended. The first of these rows must follow the last row of the trace.

    sequences  number of rows in an epoch
    target     the smooth loss for `first_below`, in nats per sequence
    """
    first, end = trace.rows, trace.rows + len(rows.losses)
    sums = list(trace.epoch_sums)
    for epoch in range(first // sequences, -(-end // sequences)):
        part = rows.losses[max(epoch * sequences - first, 0) : (epoch + 1) * sequences - first]
        subtotal = sums.pop() if len(sums) > epoch else 0.0
        sums.append(float(np.cumsum(np.append(subtotal, part))[-1]))
    below = np.flatnonzero(rows.smooth_losses < target)
    return Trace(
        end,
        np.append(trace.smooth_losses, rows.smooth_losses[-first % EVERY :: EVERY]),
        np.append(trace.losses, rows.losses[: max(EVERY - first, 0)]),
        np.array(sums),
        np.concatenate((trace.statistics, rows.statistics)),
        first + int(below[0]) if trace.first_below < 0 and len(below) else trace.first_below,
    )


def columns(trace: Trace) -> tuple[Array, ...]:
    """Return the columns of the tables in plots/ as arrays: the argument `trace` of results_hash."""
    return (trace.smooth_losses, trace.losses, *trace.statistics.T)


def shapes(rows: int, sequences: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the trace's arrays after `rows` rows, by name.

    sequences  number of rows in an epoch
    """
    return {
        "smooth_losses": (math.ceil(rows / EVERY),),
        "losses": (min(rows, EVERY),),
        "epoch_sums": (math.ceil(rows / sequences),),
        "statistics": (math.ceil(rows / STATISTICS_EVERY), 4),
    }


def epoch_means(trace: Trace, sequences: int) -> dict[int, float]:
    """Return {number of an epoch's last row: mean loss of the epoch, in nats per sequence}.

    An unfinished epoch is included. `sequences` is the number of rows in an epoch.
    """
    last_rows = [min((epoch + 1) * sequences, trace.rows) for epoch in range(len(trace.epoch_sums))]
    return {
        end - 1: float(total) / (end - epoch * sequences)
        for epoch, (end, total) in enumerate(zip(last_rows, trace.epoch_sums, strict=True))
    }


def results_hash(last: Array, best: Array, trace: Iterable[Array]) -> str:
    """Return the SHA-256 of a training's results, as 64 hexadecimal digits: its weights and its trace.

    last, best  (n,) all parameters of the last model and of the best model, each as one vector
    trace       an array for each column, except `update`, of smooth_loss.csv, first_losses.csv and measures.csv in
                plots, in this order
    """
    digest = hashlib.sha256()
    for array in (last, best, *trace):
        ordered = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        digest.update(f"{ordered.dtype.str}{ordered.shape}".encode())
        digest.update(ordered.tobytes())
    return digest.hexdigest()
