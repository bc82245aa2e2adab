"""What the results keep of a training's rows: every hundredth, every thousandth, sums of each epoch."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from charloom.base.types import Array
from charloom.kernel.advance import Rows
from charloom.kernel.gradient_statistics import STATISTICS_EVERY
from charloom.results.records import STATISTICS

EVERY = 100


@dataclass(frozen=True, eq=False)
class Trace:
    """Rows 0 … rows − 1, in nats.

    smooth_losses  of row 0 and every hundredth
    losses         of the first hundred
    epoch_sums     Σ losses of each epoch, added in the order of the rows; the last one may be unfinished
    statistics     (n, 4) of row 0 and every thousandth: see Rows
    first_below    the first row whose smooth loss was below the target, or −1
    """

    rows: int
    smooth_losses: Array
    losses: Array
    epoch_sums: Array
    statistics: Array
    first_below: int = -1


EMPTY = Trace(0, np.empty(0), np.empty(0), np.empty(0), np.empty((0, 4)))


def extended(trace: Trace, rows: Rows, sequences: int, target: float) -> Trace:
    """Return the trace with these rows added. `sequences` is the number of rows in an epoch."""
    first, end = trace.rows, trace.rows + len(rows.losses)
    sums = list(trace.epoch_sums)
    for epoch in range(first // sequences, -(-end // sequences)):
        part = rows.losses[max(epoch * sequences - first, 0) : (epoch + 1) * sequences - first]
        before = sums.pop() if len(sums) > epoch else 0.0
        sums.append(float(np.cumsum(np.append(before, part))[-1]))
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
    """Return what the tables under plots/ hold, a column an array: what `results_hash` wants of a trace."""
    return (trace.smooth_losses, trace.losses, *trace.statistics.T)


def points(rows: Rows) -> Iterator[tuple[str, int, float]]:
    """Yield the points that the results keep of these rows: name, update and value of each."""
    first = rows.state.update
    for row in range(-first % EVERY, len(rows.losses), EVERY):
        yield "smooth_loss", first + row, float(rows.smooth_losses[row])
    for n, statistics in enumerate(rows.statistics.tolist()):
        for name, value in zip(STATISTICS, statistics, strict=True):
            yield name, first + -first % STATISTICS_EVERY + n * STATISTICS_EVERY, value


def shapes(rows: int, sequences: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the arrays after so many rows."""
    return {
        "smooth_losses": (math.ceil(rows / EVERY),),
        "losses": (min(rows, EVERY),),
        "epoch_sums": (math.ceil(rows / sequences),),
        "statistics": (math.ceil(rows / STATISTICS_EVERY), 4),
    }


def epoch_means(trace: Trace, sequences: int) -> dict[int, float]:
    """Return the mean loss of each epoch, by the update of its last row; of an unfinished one over its rows so far."""
    ends = [min((epoch + 1) * sequences, trace.rows) for epoch in range(len(trace.epoch_sums))]
    return {
        end - 1: float(total) / (end - epoch * sequences)
        for epoch, (end, total) in enumerate(zip(ends, trace.epoch_sums, strict=True))
    }
