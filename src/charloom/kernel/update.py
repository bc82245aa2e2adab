"""The update of `network`, compiled: many updates a call, the same bits on every processor.

signature/plain.py is the same update in ordinary loops, to the bit. Read it first.

Bits. Every sum runs in one order, which this file and products.py fix; vector.py gives the arithmetic.

Speed. A product keeps five rows of results in registers while it runs through its sums. Gradients of W and V never go
to memory as a whole: the optimiser takes each where it was summed up. A row of U whose character does not occur has
gradient zero. Where the optimiser would not move it, it is left alone. A recurrence reads all of W for every
character, more than the first-level cache holds; so odd steps sum from the last row to the first, and begin with what
was read last. All rows start at a multiple of 64 bytes: a vector across two cache lines costs two loads.
"""

from typing import Any

import numpy as np
from numba import njit

from charloom.base.types import Array
from charloom.kernel.cache import INNER, compiled
from charloom.kernel.crew import Crew, meet, share
from charloom.kernel.elementary import vector_exp, vector_log, vector_tanh
from charloom.kernel.gradient_statistics import STATISTICS_EVERY, gradient_statistics
from charloom.kernel.layout import Scratch, Sizes, Weights
from charloom.kernel.products import add_product, copy_row, learn, recurrence, take_step, transpose_all, unit
from charloom.kernel.steps import rates_at
from charloom.kernel.vector import load, splat, store, where_less


@njit(**INNER)
def _columns(w: Array, h: Array, n: int, crew: Crew) -> tuple[int, int]:
    """Return which columns of the states are this member's: w is W or WT."""
    wide = w.shape[1]
    columns: tuple[int, int] = share(h.shape[1] // wide * wide, unit(wide, 64 // w.itemsize, n), crew)
    return columns


@njit(**INNER)
def _forward(w: Weights, z: Scratch, ids: Array, position: int, T: int, n: int, m: int, crew: Crew) -> None:
    """h[t + 1] = tanh(W h[t] + U x_t + b);  o[t] = V h[t + 1] + c,  for T characters of n sequences each.

    The n first characters are ids[position:], after them come the n second ones: see Scratch.
    """
    h, a, o = z.h, z.a, z.o
    lanes = 64 // h.itemsize
    begin, end = _columns(w.WT, h, n, crew)
    for t in range(T):
        for row in range(t * n, t * n + n):
            for k in range(begin, end, lanes):
                store(a, row, k, load(w.UT, ids[position + row], k) + load(w.b, 0, k))
        recurrence(h, t + 1, a, t, h, t, n, w.WT, m, z.width, begin, end)
        for row in range(t * n, t * n + n):
            for k in range(begin, end, lanes):
                store(h, row + n, k, vector_tanh(load(h, row + n, k)))
        meet(crew)
    begin, end = share(o.shape[1], lanes, crew)
    for row in range(T * n):
        copy_row(w.c, 0, o, row, begin, end)
    add_product(o, h[n:], T * n, w.VT, m, begin, end)
    meet(crew)


@njit(**INNER)
def exponentials(o: Array, t: int, lane: Array, me: int) -> tuple[Any, Any]:
    """o[t] becomes e^(o[t] − max o[t]); return the maximum, and the sum of them. lane[me] is written on the way.

    The sum of each lane runs over the vectors from the left, then the lanes are added up from the first.
    """
    lanes = lane.shape[1]
    largest = load(o, t, 0)
    for k in range(lanes, o.shape[1], lanes):
        x = load(o, t, k)
        largest = where_less(largest, x, x, largest)
    store(lane, me, 0, largest)
    top = lane[me, 0]
    for i in range(1, lanes):
        top = max(top, lane[me, i])
    total = splat(o, 0.0)
    for k in range(0, o.shape[1], lanes):
        e = vector_exp(load(o, t, k) - top)
        store(o, t, k, e)
        total = total + e
    store(lane, me, 0, total)
    summed = lane[me, 0]
    for i in range(1, lanes):
        summed = summed + lane[me, i]
    return top, summed


@njit(**INNER)
def _softmax(z: Scratch, ids: Array, position: int, rows: int, n: int, crew: Crew) -> float:
    """p = softmax(o), written over o. Return Σ_t −log p_t[y_t] over so many rows, summed in float64.

    −log p[y] = (max o − o[y]) + log Σ_k e^(o[k] − max o): the first terms are left in `nats`, the second in `logs`.
    """
    o, sums, logs, nats = z.o, z.sums, z.logs, z.nats
    lanes = z.lane.shape[1]
    begin, end = share(rows, 8, crew)
    for t in range(begin, end):
        chosen = o[t, ids[position + t + n]]
        top, summed = exponentials(o, t, z.lane, crew.me)
        nats[0, t] = float(top - chosen)
        sums[0, t] = summed
        scale = 1 / summed
        for k in range(0, o.shape[1], lanes):
            store(o, t, k, load(o, t, k) * scale)
    for t in range(begin, end, 8):
        store(logs, 0, t, vector_log(load(sums, 0, t)))
    meet(crew)
    loss = 0.0
    for t in range(rows):
        loss = loss + nats[0, t]
    for t in range(rows):
        loss = loss + logs[0, t]
    return loss


@njit(**INNER)
def _backward(w: Weights, z: Scratch, ids: Array, position: int, sizes: Sizes, crew: Crew) -> bool:
    """g[t] = scale · (p[t] − onehot(y_t)), written over o;  d[t] = (Vᵀ g[t] + Wᵀ d[t + 1]) ⊙ (1 − h[t + 1]²).

    Return whether every gradient is finite. It has to be asked here, since clipping would hide an infinite one. d
    alone is looked at: where the loss is finite, so is g, and h lies between −1 and 1.
    """
    W, V, h, a, o, d = w.W, w.V, z.h, z.a, z.o, z.d
    m, K, T, n = sizes.m, sizes.K, sizes.T, sizes.n
    lanes, nothing = 64 // h.itemsize, splat(d, 0.0)
    begin, end = share(T * n, 8, crew)
    for t in range(begin, end):
        o[t, ids[position + t + n]] -= 1
        for k in range(0, o.shape[1], lanes):
            store(o, t, k, load(o, t, k) * sizes.scale)
    meet(crew)
    begin, end = _columns(W, h, n, crew)
    for t in range(T * n):
        for k in range(begin, end, lanes):
            store(a, t, k, nothing)
    add_product(a, o, T * n, V, K, begin, end)
    finite = True
    for t in range(T - 1, -1, -1):
        recurrence(d, t, a, t, d, t + 1, n, W, m if t < T - 1 else 0, z.width, begin, end)
        for row in range(t * n, t * n + n):
            for k in range(begin, end, lanes):
                state = load(h, row + n, k)
                gradient = load(d, row, k) * (1.0 - state * state)
                store(d, row, k, gradient)
                nothing = nothing + gradient * 0.0  # 0, or NaN from the first that is not finite
        if t == 0:
            store(z.lane, crew.me, 0, nothing)
            for i in range(lanes):
                finite = finite and z.lane[crew.me, i] == 0
            z.finite[crew.me] = finite
        meet(crew)
    for each in range(crew.size):
        finite = finite and z.finite[each]
    return finite


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
                store(dU, x, k, load(d, t, k))
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

    Stops before the step of the first loss or gradient that is not finite. Returns how many updates were done, the one
    with the lowest smooth loss so far, −1 where it is none of these, and that smooth loss; `best` and `best_h` (1, p)
    take its weights and its state.

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
        position = row * (T + 1) * n
        _forward(w, z, ids, position, T, n, sizes.m, crew)
        loss = _softmax(z, ids, position, T * n, n, crew) / n
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
        if not _backward(w, z, ids, position, sizes, crew):
            return row, best_update, lowest
        if (update + row) % STATISTICS_EVERY == 0:
            if crew.me == 0:
                gradient_statistics(z, ids, position, sizes, statistics[measured])
            measured += 1
        _step(w, s, before, z, ids, position, _at(sizes, update + row), crew)
        _carry_on(z.h, T, n, zero[row + 1], crew)
        meet(crew)
    return len(losses), best_update, lowest


@compiled
def read(w: Weights, z: Scratch, ids: Array, T: int, m: int, nats: Array, total: float, crew: Crew) -> float:
    """Write the cost of each of ids[1:], read after those before it, into nats (n − 1,); return `total` plus all of it.

    `crew` has one member. ids (n,) are read T at a time, from the state in z.h[0], which becomes that after ids[:-1].
    """
    for position in range(0, len(ids) - 1, T):
        steps = min(T, len(ids) - 1 - position)
        _forward(w, z, ids, position, steps, 1, m, crew)
        total += _softmax(z, ids, position, steps, 1, crew)
        for t in range(steps):
            nats[position + t] = z.nats[0, t] + z.logs[0, t]
        copy_row(z.h, steps, z.h, 0, 0, z.h.shape[1])
    return total
