"""The kernel as a pure function: `advance` takes a state and returns `UpdateResults` (see network/state.py)."""

import math
from dataclasses import replace

import numpy as np

from charloom.core.base.types import Array
from charloom.core.kernel.crew import ALONE, members, together
from charloom.core.kernel.layout import (
    Sizes,
    accumulator_layout,
    accumulator_parameters,
    parameters,
    room,
    scratch,
    weights,
)
from charloom.core.kernel.update import updates
from charloom.core.network.recipe import Recipe
from charloom.core.network.rnn import SATURATED, Gradients, Parameters
from charloom.core.network.state import (
    STATISTICS_EVERY,
    Best,
    TrainState,
    UpdateResults,
    divergence_error,
    ensure_finite,
)


def advance(state: TrainState, ids: Array, count: int, recipe: Recipe, threads: int | None = None) -> UpdateResults:
    """Run `count` updates from `state`; return their losses and the state after them. `state` itself is unchanged.

    ids (characters,)  the text: at least batch · seq_length + 1 integers from 0 to K − 1
    count              at least 1
    threads            number of threads; None: chosen by sizes and processors. The result does not depend on it

    Raises Diverged if a loss, a gradient or a number of the state is not finite.
    """
    m, K = state.theta.m, state.theta.K
    w, s, T, n = weights(state.theta, -np.inf), accumulator_layout(state.accumulators), recipe.seq_length, recipe.batch
    # The units of a recurrence that threads can share: see products.unit.
    shares = w.b.shape[1] // w.W.shape[1] if n == 1 else m
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
    read = ids[starts[:-1, None] + np.arange(T + 1)[:, None]].ravel().astype(np.int64)  # (updates, T + 1, n), flat
    sizes = _sizes(recipe, m, K)
    before = w, s, best_w, best_h, z, read, zero, state.update, sizes, smooth, lowest
    if size > 1:  # compile before the threads start: an exception in one would leave the others waiting
        updates(*before, losses[:0], smooth_losses[:0], statistics, ALONE)
    done, best_update, lowest = together(size, lambda crew: updates(*before, losses, smooth_losses, statistics, crew))
    if done < count:
        raise divergence_error(state.update + done, losses[done])
    best = Best(best_update, lowest, parameters(best_w, m, K), best_h[0, :m]) if best_update >= 0 else state.best
    theta, smooth_loss = parameters(w, m, K), float(smooth_losses[-1])
    after = TrainState(
        state.update + count, theta, accumulator_parameters(s, m, K), z.h[:n, :m].copy(), smooth_loss, best, state.seed
    )
    rows = np.column_stack((losses[measured], statistics))
    return UpdateResults(state, ensure_finite(after), losses, smooth_losses, rows)


def learned_gradients(theta: Parameters, ids: Array, h_0: Array, recipe: Recipe) -> tuple[Gradients, Array]:
    """Return the kernel's gradients of the loss summed over a batch, before clipping, and the states h (T + 1, n, m).

    ids (T + 1, n)  integers from 0 to K − 1, a column for each sequence: ids[:-1] is read, ids[1:] is predicted
    h_0 (n, m)      states before the sequences

    theta and the results are float64. The kernel never stores its gradients, so they are computed from the weights
    before and after one update, run by the compiled code of the recipe's optimiser: see AdaGrad.revealing and
    Adam.revealing. The update multiplies the gradients by Recipe.scale, so the result is divided by Recipe.scale.
    """
    m, K, (T, n) = theta.m, theta.K, (len(ids) - 1, ids.shape[1])
    optimizer = recipe.optimizer.revealing()
    recipe = replace(recipe, m=m, seq_length=T, batch=n, clip=math.inf, dtype="float64", optimizer=optimizer)
    w, s = weights(theta, -np.inf), accumulator_layout(recipe.accumulators(K))
    z = scratch(w, m, K, T, n)
    z.h[:n, :m] = h_0
    no_best = room(w), np.empty_like(z.h[:1])
    row = np.empty(1), np.empty(1), np.empty((1, 3))
    read = ids.ravel().astype(np.int64), np.zeros((2, n), np.bool_)
    updates(w, s, *no_best, z, *read, 0, _sizes(recipe, m, K), np.nan, -np.inf, *row, ALONE)
    states = np.concatenate((h_0, z.h[n : (T + 1) * n, :m])).reshape(T + 1, n, m)
    accumulators = [parameters.flat for parameters in accumulator_parameters(s, m, K)]
    revealed = optimizer.revealed(theta.flat, parameters(w, m, K).flat, accumulators) / recipe.scale
    return Gradients(revealed, m, K), states


@np.errstate(over="ignore")  # a rate beyond float32 is infinite, so the training diverges: that is the message
def _sizes(recipe: Recipe, m: int, K: int) -> Sizes:
    """Return the recipe as `sizes`, an argument of `updates`; rates, scale and clip are in the dtype of the weights."""
    number, optimizer = np.dtype(recipe.dtype).type, recipe.optimizer
    rates, all_rows = type(optimizer)(*map(number, optimizer)), optimizer.moves_without_gradient()
    scale, clip = number(recipe.scale), number(recipe.clip)
    return Sizes(m, K, recipe.seq_length, recipe.batch, scale, clip, rates, SATURATED, all_rows)
