"""The training loop: a state goes in, a state comes out, and nothing is written.

Updates count from 0. Row u of the trace belongs to the weights after u updates: its loss is that of the
sequence which comes next, its smooth loss 0.999 · smooth + 0.001 · loss, starting at the first loss.

The text is read in order, one sequence per update, the hidden state carried from one to the next; when fewer
than seq_length + 1 characters remain, reading starts again with a zero state: an epoch.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np

from charloom.adagrad import EPSILON
from charloom.errors import Diverged
from charloom.kernel import updates
from charloom.layout import parameters, scratch, weights, width
from charloom.measures import MEASURED_EVERY
from charloom.rnn import Array, Parameters, filled


@dataclass(frozen=True, eq=False)
class Best:
    """The weights at the lowest smooth loss so far, and the hidden state carried into the next sequence."""

    update: int
    smooth_loss: float
    theta: Parameters
    h: Array


@dataclass(frozen=True, eq=False)
class TrainState:
    """Everything that the next update depends on.

    update       updates done
    theta        the weights after them
    accumulators AdaGrad's s
    h            (m,) the state carried into the next sequence
    smooth_loss  nats, of the rows before `update`; None before the first
    best         over the rows before `update`; None before the first
    """

    update: int
    theta: Parameters
    accumulators: Parameters
    h: Array
    smooth_loss: float | None = None
    best: Best | None = None


class Rows(NamedTuple):
    """Rows state.update, state.update + 1, … of the trace: losses and smooth losses in nats; `after` them.

    measures (n, 4): of each row that is a multiple of MEASURED_EVERY its loss and what measures.py says
    """

    state: TrainState
    after: TrainState
    losses: Array
    smooth_losses: Array
    measures: Array

    @property
    def best(self) -> Best:
        """The best weights up to and including these rows."""
        return cast(Best, self.after.best)  # after a row there is one: the first is the lowest so far


def start(theta: Parameters, initial_accumulator_value: float) -> TrainState:
    """Return the state before the first update."""
    accumulators = filled(initial_accumulator_value, theta.m, theta.K, theta.flat.dtype)
    return TrainState(0, theta, accumulators, np.zeros(theta.m, theta.flat.dtype))


def sequences(characters: int, seq_length: int) -> int:
    """Return the number of sequences, hence of updates, in an epoch."""
    return (characters - 1) // seq_length


def block(m: int, K: int, seq_length: int) -> int:
    """Return how many updates take about a tenth of a second: between two, a signal may end training."""
    return max(1, round(3e9 / (6 * seq_length * m * (m + 2 * K))))


def position(update: int, characters: int, seq_length: int) -> int:
    """Return where in the text the sequence of this update starts, in characters."""
    return update % sequences(characters, seq_length) * seq_length


def advance(state: TrainState, ids: Array, count: int, *, seq_length: int, eta: float, clip: float) -> Rows:
    """Return the next `count` rows, and the state after them.

    Raises Diverged where a loss, a gradient or a number of that state is not finite.
    """
    m, K, number = state.theta.m, state.theta.K, state.theta.flat.dtype.type
    w, s = weights(state.theta, -np.inf), weights(state.accumulators)
    best_w, z = weights(state.theta), scratch(w, m, K, seq_length)
    z.h[0, :m] = state.h
    best_h = np.empty_like(z.h[0])
    losses, smooth_losses = np.empty(count), np.empty(count)
    measured = slice(-state.update % MEASURED_EVERY, None, MEASURED_EVERY)
    measures = np.empty((len(losses[measured]), 3))
    smooth = math.nan if state.smooth_loss is None else state.smooth_loss
    lowest = math.inf if state.best is None else state.best.smooth_loss
    settings = number(eta), number(clip), number(EPSILON), smooth, lowest
    done, best_update, lowest = updates(
        w, s, best_w, best_h, z, ids, state.update, seq_length, m, K, *settings, losses, smooth_losses, measures,
        width(w),
    )  # fmt: skip
    if done < count:
        loss = losses[done]
        what = f"the loss is {loss}" if not math.isfinite(loss) else "a gradient is not finite"
        raise Diverged(f"training diverged at update {state.update + done}: {what}; a smaller eta may help")
    best = Best(best_update, lowest, parameters(best_w, m, K), best_h[:m]) if best_update >= 0 else state.best
    smooth_loss = float(smooth_losses[-1])
    after = TrainState(
        state.update + count, parameters(w, m, K), parameters(s, m, K), z.h[0, :m].copy(), smooth_loss, best
    )
    for what, array in (("weight", after.theta.flat), ("accumulator", after.accumulators.flat)):
        if not np.isfinite(array).all():
            raise Diverged(f"training diverged at update {after.update - 1}: {what} not finite; a smaller eta may help")
    return Rows(state, after, losses, smooth_losses, np.column_stack((losses[measured], measures)))


def train(
    state: TrainState,
    ids: Array,
    updates: int,
    every: tuple[int, ...],
    *,
    seq_length: int,
    eta: float,
    clip: float,
) -> Iterator[Rows]:
    """Yield the rows from state.update to `updates` inclusive, a block at a time.

    A block starts at each multiple of each number in `every`, with the state at its first row. The last block
    is row `updates` alone: its loss is wanted, the step that follows is not taken.

    Raises Diverged with the last state that is finite, all rows before it yielded.
    """
    longest = updates
    while True:
        count = min([updates - state.update, longest, *(each - state.update % each for each in every)]) or 1
        try:
            rows = advance(state, ids, count, seq_length=seq_length, eta=eta, clip=clip)
        except Diverged as diverged:
            if count == 1:
                raise Diverged(str(diverged), state) from None
            longest = 1  # the same updates again, one at a time, to the last that is finite
            continue
        yield rows
        if state.update == updates:
            return
        state = rows.after
