"""The kernel as a function: a training state and a number of updates go in, rows and the state after them come out.

Updates count from 0. Row u belongs to the weights after u updates: its loss is that of the sequence which comes next,
its smooth loss 0.999 · smooth + 0.001 · loss, starting at the first loss.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np

from charloom.base.errors import Diverged
from charloom.base.types import Array, Numbers
from charloom.kernel.gradient_statistics import STATISTICS_EVERY
from charloom.kernel.layout import Recipe, accumulators, parameters, room, scratch, weights
from charloom.kernel.update import updates
from charloom.network.adagrad import EPSILON
from charloom.network.rnn import SATURATED, Gradients, Parameters, filled


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
    """The n rows of the trace from state.update on.

    state, after  the states before their first update and after their last
    losses, smooth_losses (n,)  in nats
    statistics (·, 4)  of each row that is a multiple of STATISTICS_EVERY: its loss and gradient_statistics.py's
    """

    state: TrainState
    after: TrainState
    losses: Array
    smooth_losses: Array
    statistics: Array

    @property
    def best(self) -> Best:
        """The best weights up to and including these rows."""
        return cast(Best, self.after.best)  # after a row there is one: the first is the lowest so far


def start(theta: Parameters, initial_accumulator_value: float) -> TrainState:
    """Return the state before the first update."""
    accumulators = filled(initial_accumulator_value, theta.m, theta.K, theta.flat.dtype)
    return TrainState(0, theta, accumulators, np.zeros(theta.m, theta.flat.dtype))


def advance(state: TrainState, ids: Numbers, count: int, *, seq_length: int, eta: float, clip: float) -> Rows:
    """Return the next `count` rows, and the state after them; the given state stays as it is.

    ids (characters,)  the text, as whole numbers below K: at least seq_length + 1 of them. Only what these rows read is
                       taken into memory; where they go round its end, that is the whole text
    eta, clip          AdaGrad's learning rate, and the limit of a gradient's entry

    Raises Diverged where a loss, a gradient or a number of the state after them is not finite.
    """
    m, K, number = state.theta.m, state.theta.K, state.theta.flat.dtype.type
    w, s = weights(state.theta, -np.inf), accumulators(state.accumulators)
    best_w, z = room(w), scratch(w, m, K, seq_length)
    z.h[0, :m] = state.h
    best_h = np.zeros_like(z.h[:1])
    losses, smooth_losses = np.empty(count), np.empty(count)
    measured = slice(-state.update % STATISTICS_EVERY, None, STATISTICS_EVERY)
    statistics = np.empty((len(losses[measured]), 3))
    smooth = math.nan if state.smooth_loss is None else state.smooth_loss
    lowest = math.inf if state.best is None else state.best.smooth_loss
    recipe = Recipe(m, K, seq_length, number(eta), number(clip), number(EPSILON), SATURATED)
    sequences = (len(ids) - 1) // seq_length
    first = state.update % sequences
    first, end = (first, first + count) if first + count <= sequences else (0, sequences)
    part = ids[first * seq_length : end * seq_length + 1].astype(np.int64), first, sequences
    done, best_update, lowest = updates(
        w, s, best_w, best_h, z, *part, state.update, recipe, smooth, lowest, losses, smooth_losses, statistics
    )
    if done < count:
        loss = losses[done]
        what = f"the loss is {loss}" if not math.isfinite(loss) else "a gradient is not finite"
        raise Diverged(f"training diverged at update {state.update + done}: {what}; a smaller eta may help")
    best = Best(best_update, lowest, parameters(best_w, m, K), best_h[0, :m]) if best_update >= 0 else state.best
    smooth_loss = float(smooth_losses[-1])
    after = TrainState(
        state.update + count, parameters(w, m, K), parameters(s, m, K), z.h[0, :m].copy(), smooth_loss, best
    )
    for what, array in (("weight", after.theta.flat), ("accumulator", after.accumulators.flat)):
        if not np.isfinite(array).all():
            raise Diverged(f"training diverged at update {after.update - 1}: {what} not finite; a smaller eta may help")
    return Rows(state, after, losses, smooth_losses, np.column_stack((losses[measured], statistics)))


def learned_gradients(theta: Parameters, ids: Array, h_0: Array) -> tuple[Gradients, Array]:
    """Return the gradients of the loss of ids[1:] given ids[:-1] and h_0 (m,), before clipping; and the states.

    ids (T + 1,) whole numbers below K; theta, the gradients and the states (T + 1, m) in float64.

    The kernel never stores a gradient, so it is read off one update. Beside accumulators of 2^1000 each g² is lost in
    rounding, so √s is 2^500. With eta = 2^560 the weights move by 2^60 · g, exactly but for the last rounding.
    """
    m, K = theta.m, theta.K
    w, s = weights(theta, -np.inf), accumulators(filled(2.0**1000, m, K))
    z = scratch(w, m, K, len(ids) - 1)
    z.h[0, :m] = h_0
    nothing = room(w), np.empty_like(z.h[:1])
    row = np.empty(1), np.empty(1), np.empty((1, 3))
    recipe = Recipe(m, K, len(ids) - 1, 2.0**560, np.inf, 0.0, SATURATED)
    updates(w, s, *nothing, z, ids.astype(np.int64), 0, 1, 0, recipe, np.nan, -np.inf, *row)
    states = np.vstack((h_0, z.h[1 : len(ids), :m]))
    return Gradients((theta.flat - parameters(w, m, K).flat) * 2.0**-60, m, K), states
