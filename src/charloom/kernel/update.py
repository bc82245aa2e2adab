"""The update of `network`, compiled: many updates a call, the same bits on every processor.

signature/plain.py is the same update in ordinary loops, to the bit. Read it first; passes.py goes forward and backward.

Speed. Gradients of W and V never go to memory as a whole: the optimiser takes each where it was summed up. A row of U
whose character does not occur has gradient zero. Where the optimiser would not move it, it is left alone.
"""

from typing import Any

import numpy as np
from numba import njit

from charloom.base.types import Array
from charloom.kernel.cache import INNER, compiled
from charloom.kernel.crew import Crew, aborted, meet, share
from charloom.kernel.gradient_statistics import STATISTICS_EVERY, gradient_statistics
from charloom.kernel.layout import Scratch, Sizes, Weights
from charloom.kernel.passes import backward, forward, softmax
from charloom.kernel.products import copy_row, learn, take_step, transpose_all
from charloom.kernel.steps import rates_at
from charloom.kernel.vector import load, splat, store


@njit(**INNER)
def _step_bias(w: Array, kept: Any, before: Array, d: Array, sizes: Sizes, crew: Crew) -> None:
    """Move the row w, which is b or c, by one clipped step along Σ d[t]."""
    lanes = 64 // w.itemsize
    begin, end = share(w.shape[1], lanes, crew)
    for k in range(begin, end, lanes):
        total = splat(d, 0.0)
        for t in range(sizes.T * sizes.n):
            total = total + load(d, t, k)
        take_step(w, kept, before, 0, k, total, sizes)


@njit(**INNER)
def _step_u(
    w: Weights, s: Weights, before: Weights, z: Scratch, ids: Array, position: int, sizes: Sizes, crew: Crew
) -> None:
    """Move UT by one clipped step along Σ d[t] x_tᵀ: the rows that occur, or all where the optimiser moves all."""
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
    """Move w and s by one clipped step along the gradients, with g in o; `before` takes what moves in w.

    b: Σ d[t]   c: Σ g[t]   U: Σ d[t] x_tᵀ   W: Σ d[t] h[t]ᵀ   V: Σ g[t] h[t + n]ᵀ, t from 0 to T · n − 1.
    """
    m, K, rows = sizes.m, sizes.K, sizes.T * sizes.n
    _step_bias(w.b, s.b, before.b, z.d, sizes, crew)
    _step_bias(w.c, s.c, before.c, z.o, sizes, crew)
    _step_u(w, s, before, z, ids, position, sizes, crew)
    transpose_all(z.d, rows, m, z.dT, crew)
    transpose_all(z.o, rows, K, z.oT, crew)
    meet(crew)
    learn(w.W, s.W, before.W, z.dT, m, z.h, sizes, z.tile, crew)
    learn(w.V, s.V, before.V, z.oT, K, z.h[sizes.n :], sizes, z.tile, crew)
    meet(crew)
    transpose_all(w.W, m, m, w.WT, crew)
    transpose_all(w.V, K, m, w.VT, crew)


@njit(**INNER)
def _at(sizes: Sizes, update: int) -> Sizes:
    """Return the same with the rates of that update."""
    rates, clip = rates_at(sizes.rates, update), sizes.clip
    return Sizes(sizes.m, sizes.K, sizes.T, sizes.n, sizes.scale, clip, rates, sizes.saturated, sizes.all_rows)


@njit(**INNER)
def _keep(w: Weights, best: Weights, best_h: Array, z: Scratch, n: int, crew: Crew) -> None:
    """Let the best copy be what does not move with the next step: rows of U that are others there, and the state."""
    begin, end = share(z.h.shape[1], 64 // z.h.itemsize, crew)
    for x in range(len(w.UT)):
        if z.stale[crew.me, x]:
            copy_row(w.UT, x, best.UT, x, begin, end)
            z.stale[crew.me, x] = False
    copy_row(z.h, n - 1, best_h, 0, begin, end)


@njit(**INNER)
def _carry_on(h: Array, T: int, n: int, zero: Array, crew: Crew) -> None:
    """Let the last states be the first of the next sequences, or zero."""
    lanes = 64 // h.itemsize
    begin, end = share(h.shape[1], lanes, crew)
    for each in range(n):
        if zero[each]:
            for k in range(begin, end, lanes):
                store(h, each, k, splat(h, 0.0))
        else:
            copy_row(h, T * n + each, h, each, begin, end)


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
    """Move w and s in place by len(losses) updates, from update number `update` on.

    Stops before the step of the first loss or gradient that is not finite, and before an update if the crew is
    aborted. Returns how many updates were done, the one with the lowest smooth loss so far, −1 where it is none of
    these, and that smooth loss; `best` and `best_h` (1, p) take its weights and its state.

    Smooth losses fall and fall: the best weights would be copied at most updates. W, V, b and c all move with the next
    step, which has the old ones in registers, and stores them; of U few rows move, so only these are copied.

    ids (updates · (T + 1) · n,)  of each update the n first characters of its sequences, the second ones and so on
    zero (updates + 1, n)  whether each sequence, and those after these, starts from a zero state
    z.h[:n]            the states with which the next sequences start, before and after; the last one's is best_h's
    smooth, lowest     the last and the lowest smooth loss before, NaN and ∞ where there is none
    crew               which thread this is, of how many; all of them call this, with equal arguments otherwise
    losses (updates,)  nats a sequence, the mean of a batch; smooth_losses as many; statistics (·, 3)  a row for each
                       update that is a multiple of STATISTICS_EVERY
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
