"""The forward and backward pass through sequences, compiled: the same bits on every processor.

Bits: this file, update.py and products.py fix the order of additions of every sum; vector.py has the arithmetic.

Speed: a recurrence reads all of W for every character, which is more than the first-level cache holds. So odd steps sum
from the last row to the first, and begin with the rows that are still in the cache. All rows are 64-byte aligned,
because a vector across two cache lines costs two loads.
"""

from typing import Any

from numba import njit

from charloom.core.base.types import Array
from charloom.core.kernel.cache import INNER, compiled
from charloom.core.kernel.crew import Crew, meet, share
from charloom.core.kernel.elementary import vector_exp, vector_log, vector_tanh
from charloom.core.kernel.layout import Scratch, Sizes, Weights
from charloom.core.kernel.products import Recurrence, add_product, copy_row, recurrence, unit
from charloom.core.kernel.vector import load, splat, store, where_less


@njit(**INNER)
def _columns(w: Array, h: Array, n: int, crew: Crew) -> tuple[int, int]:
    """Return begin and end of the columns of the states h that this thread computes. w is W or WT, n the batch size."""
    wide = w.shape[1]
    columns: tuple[int, int] = share(h.shape[1] // wide * wide, unit(wide, 64 // w.itemsize, n), crew)
    return columns


@njit(**INNER)
def forward(w: Weights, z: Scratch, ids: Array, position: int, T: int, n: int, m: int, crew: Crew) -> None:
    """Compute h[t + 1] = tanh(W h[t] + U x_t + b) and o[t] = V h[t + 1] + c in z for n sequences of T characters.

    ids[position :] has the n first characters of the sequences, then the n second characters, …: see Scratch.
    """
    h, a, o = z.h, z.a, z.o
    lanes = 64 // h.itemsize
    begin, end = _columns(w.WT, h, n, crew)
    for t in range(T):
        for row in range(t * n, t * n + n):
            for k in range(begin, end, lanes):
                store(a, row, k, load(w.UT, ids[position + row], k) + load(w.b, 0, k))
        sums = Recurrence(out=h, to=t + 1, start=a, at=t, x=h, step=t, w=w.WT, n=m, batch=n)
        recurrence(sums, z.width, z.batched, begin, end)
        for row in range(t * n, t * n + n):
            for k in range(begin, end, lanes):
                store(h, row + n, k, vector_tanh(load(h, row + n, k)))
        meet(crew)
    begin, end = share(o.shape[1], lanes, crew)
    for row in range(T * n):
        copy_row(w.c, 0, o, row, begin, end)
    add_product(o, h[n:], T * n, w.VT, m, begin, end, z.across)
    meet(crew)


@njit(**INNER)
def exponentials(o: Array, t: int, lane: Array, me: int) -> tuple[Any, Any]:
    """Replace o[t] by e^(o[t] − max o[t]); return the maximum, and the sum of the exponentials.

    lane[me] is a scratch vector for thread number `me`. Order of the sum: first the vectors are added from left to
    right, lane by lane, then the lanes from the first to the last.
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
def softmax(z: Scratch, ids: Array, position: int, rows: int, n: int, crew: Crew) -> float:
    """Replace o by p = softmax(o). Return the loss Σ_t −log p_t[y_t] over the first `rows` rows, in nats and float64.

    −log p[y] = (max o − o[y]) + log Σ_k e^(o[k] − max o). The first term is stored in z.nats, the second in z.logs. n
    is the number of sequences: the target of row t is ids[position + t + n].
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
def backward(w: Weights, z: Scratch, ids: Array, position: int, sizes: Sizes, crew: Crew) -> bool:
    """Replace o by g[t] = scale · (p[t] − onehot(y_t)); write d[t] = (Vᵀ g[t] + Wᵀ d[t + 1]) ⊙ (1 − h[t + 1]²) to z.d.

    Return whether every gradient is finite, because clipping would hide an infinite gradient. Only d is tested: if the
    loss is finite, g is finite, too, and h is between −1 and 1.
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
    add_product(a, o, T * n, V, K, begin, end, z.across)
    finite = True
    for t in range(T - 1, -1, -1):
        sums = Recurrence(out=d, to=t, start=a, at=t, x=d, step=t + 1, w=W, n=m if t < T - 1 else 0, batch=n)
        recurrence(sums, z.width, z.batched, begin, end)
        for row in range(t * n, t * n + n):
            for k in range(begin, end, lanes):
                state = load(h, row + n, k)
                gradient = load(d, row, k) * (1.0 - state * state)
                store(d, row, k, gradient)
                nothing = nothing + gradient * 0.0  # 0, or NaN after a number that is not finite
        if t == 0:
            store(z.lane, crew.me, 0, nothing)
            for i in range(lanes):
                finite = finite and z.lane[crew.me, i] == 0
            z.finite[crew.me] = finite
        meet(crew)
    for me in range(crew.size):
        finite = finite and z.finite[me]
    return finite


@compiled
def read(w: Weights, z: Scratch, ids: Array, T: int, m: int, nats: Array, total: float, crew: Crew) -> float:
    """Write the costs of ids[1:] to nats (n − 1,), in nats; return `total` plus the sum of these costs.

    The cost of an id is −log p, given all ids before. ids (n,) are read T at a time from the state z.h[0], which is
    replaced by the state after ids[:-1]. `crew` must have one thread.
    """
    for position in range(0, len(ids) - 1, T):
        steps = min(T, len(ids) - 1 - position)
        forward(w, z, ids, position, steps, 1, m, crew)
        total += softmax(z, ids, position, steps, 1, crew)
        for t in range(steps):
            nats[position + t] = z.nats[0, t] + z.logs[0, t]
        copy_row(z.h, steps, z.h, 0, 0, z.h.shape[1])
    return total
