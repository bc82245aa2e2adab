"""The kernel as a function: a training state and a number of updates go in, rows and the state after them come out.

Updates count from 0. Row u belongs to the weights after u updates: its loss is that of the sequence which comes next,
its smooth loss 0.999 · smooth + 0.001 · loss, starting at the first loss.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

import numpy as np

from charloom.base.errors import Diverged
from charloom.base.types import Array, Numbers
from charloom.kernel.crew import ALONE, members, together
from charloom.kernel.gradient_statistics import STATISTICS_EVERY
from charloom.kernel.layout import Sizes, each_kept, kept_beside, parameters, room, scratch, weights
from charloom.kernel.products import FEW
from charloom.kernel.update import updates
from charloom.network.recipe import Kept, Recipe
from charloom.network.rnn import SATURATED, Gradients, Parameters


@dataclass(frozen=True, eq=False)
class Best:
    """The weights at the lowest smooth loss so far, and the hidden state (m,) that is carried on from there.

    Of a batch it is the last sequence's: see TrainState.carried.
    """

    update: int
    smooth_loss: float
    theta: Parameters
    h: Array


@dataclass(frozen=True, eq=False)
class TrainState:
    """Everything that the next update depends on.

    update       updates done
    theta        the weights after them
    kept         what the optimiser keeps for each weight
    h            (batch, m) the states carried into the next sequences
    smooth_loss  nats, of the rows before `update`; None before the first
    best         over the rows before `update`; None before the first
    seed         of the order in which the text is read
    """

    update: int
    theta: Parameters
    kept: Kept
    h: Array
    smooth_loss: float | None = None
    best: Best | None = None
    seed: int = 0

    @property
    def carried(self) -> Array:
        """Return the state (m,) that a model's file carries: the one before the last sequence of the next batch.

        Read from front to back, that sequence is of the text's last part, after which the held-out text comes.
        """
        carried: Array = self.h[-1]
        return carried


class Rows(NamedTuple):
    """The n rows of the trace from state.update on.

    state, after  the states before their first update and after their last
    losses, smooth_losses (n,)  in nats a sequence, the mean of a batch
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


def start(recipe: Recipe, K: int, seed: int) -> TrainState:
    """Return the state before the first update."""
    return TrainState(0, *recipe.initial(K, seed), np.zeros((recipe.batch, recipe.m), recipe.dtype), seed=seed)


def advance(state: TrainState, ids: Numbers, count: int, recipe: Recipe, threads: int | None = None) -> Rows:
    """Return the next `count` rows, and the state after them; the given state stays as it is.

    ids (characters,)  the text, as whole numbers below K: at least batch · seq_length + 1 of them. Only what these rows
                       read is taken into memory
    threads            how many; None for as many as pay. No bit depends on it

    Raises Diverged where a loss, a gradient or a number of the state after them is not finite.
    """
    m, K = state.theta.m, state.theta.K
    w, s, T, n = weights(state.theta, -np.inf), kept_beside(state.kept), recipe.seq_length, recipe.batch
    # What of a recurrence is shared out: see products.unit.
    shares = w.b.shape[1] // w.W.shape[1] if n < FEW else m
    size = min(members(n * m * m, m), shares) if threads is None else threads
    best_w, z = room(w), scratch(w, m, K, T, n, size)
    z.h[:n, :m] = state.h
    best_h = np.zeros_like(z.h[:1])
    losses, smooth_losses = np.empty(count), np.empty(count)
    measured = slice(-state.update % STATISTICS_EVERY, None, STATISTICS_EVERY)
    statistics = np.empty((len(losses[measured]), 3))
    smooth = math.nan if state.smooth_loss is None else state.smooth_loss
    lowest = math.inf if state.best is None else state.best.smooth_loss
    starts, zero = recipe.places(state.update, count + 1, len(ids), state.seed)
    read, sizes = _sequences(ids, starts[:-1], T), _sizes(recipe, m, K)
    before = w, s, best_w, best_h, z, read, zero, state.update, sizes, smooth, lowest
    if size > 1:  # compiles, if need be, where an error ends this thread alone and nobody waits for it
        updates(*before, losses[:0], smooth_losses[:0], statistics, ALONE)
    done, best_update, lowest = together(size, lambda crew: updates(*before, losses, smooth_losses, statistics, crew))
    if done < count:
        loss = losses[done]
        what = f"the loss is {loss}" if not math.isfinite(loss) else "a gradient is not finite"
        raise Diverged(f"training diverged at update {state.update + done}: {what}; a smaller eta may help")
    best = Best(best_update, lowest, parameters(best_w, m, K), best_h[0, :m]) if best_update >= 0 else state.best
    smooth_loss = float(smooth_losses[-1])
    after = TrainState(
        state.update + count, parameters(w, m, K), each_kept(s, m, K), z.h[:n, :m].copy(), smooth_loss, best, state.seed
    )
    for what, each in (("weight", after.theta), *(("number that the optimiser keeps", each) for each in after.kept)):
        if not np.isfinite(each.flat).all():
            raise Diverged(f"training diverged at update {after.update - 1}: {what} not finite; a smaller eta may help")
    return Rows(state, after, losses, smooth_losses, np.column_stack((losses[measured], statistics)))


def _sequences(ids: Numbers, starts: Array, T: int) -> Array:
    """Return the T + 1 characters from each of `starts` (updates, n) on, in one row, as the kernel wants them.

    Of a text that is not in memory, sequences that follow each other are read in one piece. For a batch, which reads in
    several places at once, all of it is taken into memory.
    """
    window = np.arange(T + 1)
    if starts.shape[1] > 1 and not isinstance(ids, np.ndarray):
        ids = ids[0 : len(ids)]
    if isinstance(ids, np.ndarray):
        return ids[starts[:, None] + window[:, None]].ravel().astype(np.int64)
    starts = starts[:, 0]
    runs = np.split(starts, np.flatnonzero(np.diff(starts) != T) + 1)
    parts = [ids[run[0] : run[-1] + T + 1][(run - run[0])[:, None] + window] for run in runs]
    return np.concatenate(parts).ravel().astype(np.int64)


def learned_gradients(theta: Parameters, ids: Array, h_0: Array, recipe: Recipe) -> tuple[Gradients, Array]:
    """Return the gradients of the loss of ids[1:] given ids[:-1] and h_0, before clipping; and the states.

    ids (T + 1, n) whole numbers below K, a column for each sequence of a batch; h_0 (n, m); the gradients are those of
    the sum over all. theta, the gradients and the states (T + 1, n, m) in float64.

    The kernel never stores a gradient, so it is read off one update, of the code with which this recipe's optimiser
    trains. That of a mean is multiplied back to that of the sum.
    """
    m, K, (T, n) = theta.m, theta.K, (len(ids) - 1, ids.shape[1])
    optimizer = recipe.optimizer.revealing()
    recipe = replace(recipe, m=m, seq_length=T, batch=n, clip=math.inf, dtype="float64", optimizer=optimizer)
    w, s = weights(theta, -np.inf), kept_beside(recipe.kept(K))
    z = scratch(w, m, K, T, n)
    z.h[:n, :m] = h_0
    nothing = room(w), np.empty_like(z.h[:1])
    row = np.empty(1), np.empty(1), np.empty((1, 3))
    read = ids.ravel().astype(np.int64), np.zeros((2, n), np.bool_)
    updates(w, s, *nothing, z, *read, 0, _sizes(recipe, m, K), np.nan, -np.inf, *row, ALONE)
    states = np.concatenate((h_0, z.h[n : (T + 1) * n, :m])).reshape(T + 1, n, m)
    kept = [each.flat for each in each_kept(s, m, K)]
    revealed = optimizer.revealed(theta.flat, parameters(w, m, K).flat, kept) / recipe.scale
    return Gradients(revealed, m, K), states


def _sizes(recipe: Recipe, m: int, K: int) -> Sizes:
    """Return the recipe as the compiled update takes it: all that a step needs in the type of the weights."""
    number, optimizer = np.dtype(recipe.dtype).type, recipe.optimizer
    rates, all_rows = type(optimizer)(*map(number, optimizer)), optimizer.moves_without_gradient()
    return Sizes(
        m, K, recipe.seq_length, recipe.batch, number(recipe.scale), number(recipe.clip), rates, SATURATED, all_rows
    )
