"""The compiled update: many updates in one call, the same bits on every processor.

signature/plain.py computes the same update, bit for bit, in plain loops: read it first. passes.py has the forward and
backward pass.

Speed: the gradients of W and V are never stored as whole matrices: when the sum of a few gradients is complete, the
step is applied to their weights at once. A row of UT whose character does not occur has gradient zero. Such a row is
skipped if the optimiser would not change it.
"""

from typing import Any

import numpy as np
from numba import njit

from charloom.core.base.types import Array
from charloom.core.kernel.cache import INNER, compiled
from charloom.core.kernel.crew import Crew, aborted, meet, share
from charloom.core.kernel.gradient_statistics import gradient_statistics
from charloom.core.kernel.layout import Scratch, Sizes, Weights
from charloom.core.kernel.passes import backward, forward, softmax
from charloom.core.kernel.products import copy_row, learn, take_step, transpose_all
from charloom.core.kernel.steps import rates_at
from charloom.core.kernel.vector import load, splat, store
from charloom.core.network.state import STATISTICS_EVERY


@njit(**INNER)
def _step_bias(w: Array, accumulators: Any, before: Array, d: Array, sizes: Sizes, crew: Crew) -> None:
    """Apply a clipped step to this thread's columns of the bias w (b or c), whose gradient is Σ_t d[t].

    The old values are stored in `before`: see take_step.
    """
    lanes = 64 // w.itemsize
    begin, end = share(w.shape[1], lanes, crew)
    for k in range(begin, end, lanes):
        total = splat(d, 0.0)
        for t in range(sizes.T * sizes.n):
            total = total + load(d, t, k)
        take_step(w, accumulators, before, 0, k, total, sizes)


@njit(**INNER)
def _step_u(
    w: Weights, s: Weights, before: Weights, z: Scratch, ids: Array, position: int, sizes: Sizes, crew: Crew
) -> None:
    """Apply a clipped step to UT, whose gradient is Σ_t x_t d[t]ᵀ; the old values are stored in `before`.

    The step changes the rows of characters that occur in the sequences, or all rows if sizes.all_rows.
    """
    d, dU, seen, me = z.d, z.dU, z.seen, crew.me
    lanes = 64 // d.itemsize
    begin, end = share(d.shape[1], lanes, crew)
    for t in range(sizes.T * sizes.n):
        x = ids[position + t]
        if seen[me, x]:
            for k in range(begin, end, lanes):
                store(dU, x, k, load(dU, x, k) + load(d, t, k))
        else:
            for k in range(begin, end, lanes):
                store(dU, x, k, load(d, t, k) + 0.0)  # a sum that starts from 0 is never −0.0
            seen[me, x] = True
    for x in range(sizes.K):
        if seen[me, x] or sizes.all_rows:
            for k in range(begin, end, lanes):
                gradient = load(dU, x, k)
                if not seen[me, x]:
                    gradient = splat(d, 0.0)
                take_step(w.UT, s.UT, before.UT, x, k, gradient, sizes)
            seen[me, x], z.stale[me, x] = False, True


@njit(**INNER)
def _step(
    w: Weights, s: Weights, before: Weights, z: Scratch, ids: Array, position: int, sizes: Sizes, crew: Crew
) -> None:
    """Apply a clipped step to the weights w and accumulators s; store the changed old weights in `before`.

    Gradients, with g in z.o and t from 0 to T · n − 1:
    b: Σ d[t]   c: Σ g[t]   U: Σ d[t] x_tᵀ   W: Σ d[t] h[t]ᵀ   V: Σ g[t] h[t + n]ᵀ
    """
    m, K, rows = sizes.m, sizes.K, sizes.T * sizes.n
    _step_bias(w.b, s.b, before.b, z.d, sizes, crew)
    _step_bias(w.c, s.c, before.c, z.o, sizes, crew)
    _step_u(w, s, before, z, ids, position, sizes, crew)
    transpose_all(z.d, rows, m, z.dT, crew)
    transpose_all(z.o, rows, K, z.oT, crew)
    meet(crew)
    learn(w.W, s.W, before.W, z.dT, m, z.h, sizes, z.tile, crew, z.across)
    learn(w.V, s.V, before.V, z.oT, K, z.h[sizes.n :], sizes, z.tile, crew, z.across)
    meet(crew)
    transpose_all(w.W, m, m, w.WT, crew)
    transpose_all(w.V, K, m, w.VT, crew)


@njit(**INNER)
def _at(sizes: Sizes, update: int) -> Sizes:
    """Return a copy of `sizes` with the rates for the step after `update` updates: see rates_at."""
    rates, clip = rates_at(sizes.rates, update), sizes.clip
    return Sizes(sizes.m, sizes.K, sizes.T, sizes.n, sizes.scale, clip, rates, sizes.saturated, sizes.all_rows)


@njit(**INNER)
def _keep(w: Weights, best: Weights, best_h: Array, z: Scratch, n: int, crew: Crew) -> None:
    """Keep w.UT and a state as those of the best model: copy to `best` the rows of UT that may differ (z.stale).

    Copy to best_h the state carried into the last of the n sequences. W, V, b and c are not copied here: the next step
    stores their old values in `best`, see `updates`.
    """
    begin, end = share(z.h.shape[1], 64 // z.h.itemsize, crew)
    for x in range(len(w.UT)):
        if z.stale[crew.me, x]:
            copy_row(w.UT, x, best.UT, x, begin, end)
            z.stale[crew.me, x] = False
    copy_row(z.h, n - 1, best_h, 0, begin, end)


@njit(**INNER)
def _carry_on(h: Array, T: int, n: int, zero: Array, crew: Crew) -> None:
    """Write the states before the next n sequences to h[:n]: the last states h[T · n :], or zeros.

    zero (n,)  whether the next sequence starts from a zero state

    Each thread writes a part of the columns.
    """
    lanes = 64 // h.itemsize
    begin, end = share(h.shape[1], lanes, crew)
    for row in range(n):
        if zero[row]:
            for k in range(begin, end, lanes):
                store(h, row, k, splat(h, 0.0))
        else:
            copy_row(h, T * n + row, h, row, begin, end)


@compiled
def updates(
    w: Weights,
    s: Weights,
    best: Weights,
    best_h: Array,
    z: Scratch,
    ids: Array,
    zero: Array,
    update: int,
    sizes: Sizes,
    smooth: float,
    lowest: float,
    losses: Array,
    smooth_losses: Array,
    statistics: Array,
    crew: Crew,
) -> tuple[int, int, float]:
    """Run len(losses) updates from update number `update` on; change the weights w and accumulators s in place.

    Stops before the step if a loss or gradient is not finite, and before an update if the crew is aborted. Returns the
    count of updates done, the number of the update with the lowest smooth loss (−1 if it was before this call), and
    this smooth loss. The weights and the carried state before the step of this update are stored in `best` and
    best_h (1, p).

    Most updates set a new minimum of the smooth loss, so copying the best weights each time would be slow. A step
    changes all of W, V, b and c and has the old vectors in registers, so the step stores them. A step changes few rows
    of UT, so only the changed rows are copied.

    ids (updates · (T + 1) · n,)  for each update the n first characters of the sequences, then the n second ones, …
    zero (updates + 1, n)  whether a sequence starts from a zero state, also for the update after the last
    z.h[:n]            states carried into the next sequences, read at the start and written at the end
    smooth, lowest     last and lowest smooth loss before this call; NaN and ∞ before the first update
    losses, smooth_losses (updates,)  output: nats per sequence, the mean over the batch
    statistics (·, 3)  output: a row for each update that is a multiple of STATISTICS_EVERY
    crew               this thread's view of the crew; all threads call `updates` with otherwise equal arguments
    """
    T, n = sizes.T, sizes.n
    best_update, measured = -1, 0
    for row in range(len(losses)):
        if aborted(crew):
            return row, best_update, lowest
        position = row * (T + 1) * n
        forward(w, z, ids, position, T, n, sizes.m, crew)
        loss = softmax(z, ids, position, T * n, n, crew) / n
        if crew.me == 0:
            losses[row] = loss
        if not np.isfinite(loss):
            return row, best_update, lowest
        smooth = loss if np.isnan(smooth) else 0.999 * smooth + 0.001 * loss
        if crew.me == 0:
            smooth_losses[row] = smooth
        before = w
        if smooth < lowest:
            lowest, best_update, before = smooth, update + row, best
            _keep(w, best, best_h, z, n, crew)
        if not backward(w, z, ids, position, sizes, crew):
            return row, best_update, lowest
        if (update + row) % STATISTICS_EVERY == 0:
            if crew.me == 0:
                gradient_statistics(z, ids, position, sizes, statistics[measured])
            measured += 1
        _step(w, s, before, z, ids, position, _at(sizes, update + row), crew)
        _carry_on(z.h, T, n, zero[row + 1], crew)
        meet(crew)
    return len(losses), best_update, lowest
