"""The next character, compiled: a step of the network for many streams at once, and a draw from each.

A stream is a text being written. It is computed in the same order of additions as if it were alone, so what it writes
does not depend on how many are written beside it. For speed, one alone takes the weights four vectors at a time, and
many take them five streams at a time; the sums are the same.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from charloom.base.types import Array
from charloom.kernel.cache import INNER, compiled
from charloom.kernel.elementary import vector_tanh
from charloom.kernel.layout import ROWS, WIDTHS, Weights, zeros
from charloom.kernel.passes import exponentials
from charloom.kernel.products import add_product, copy_row, recurrence
from charloom.kernel.vector import load, store

VECTORS = (0,) * WIDTHS[0]  # at a time: the compiler sees its length


class Streams(NamedTuple):
    """S texts being written. p and q are m and K rounded up to vectors, rows beyond S are zero.

    h (S + 5, p), x (S,)    the states, and the characters that they read next
    a (5, p), o (5, q)      of five of them: U x + b, to which W h is added, and the outputs
    outputs (1, q), warm (5, q)  one's outputs as they are, and divided by the temperature
    lane (1, lanes), sums (K,)  one's sums: by lane, and of the characters from the first on
    order (2, K)            the characters by rank, and room to sort them
    """

    h: Array
    x: Array
    a: Array
    o: Array
    outputs: Array
    warm: Array
    lane: Array
    sums: Array
    order: Array


def streams(w: Weights, h: Array, x: Array, K: int) -> Streams:
    """Return streams that read the characters x (S,), whole numbers below K, next, from the states h (S, m)."""
    dtype, p, q, rows = w.W.dtype, w.b.shape[1], w.c.shape[1], len(x) + ROWS
    return Streams(
        h=zeros(rows, p, dtype, h),
        x=np.array(x, np.int64),
        a=zeros(ROWS, p, dtype),
        o=zeros(ROWS, q, dtype),
        outputs=zeros(1, q, dtype),
        warm=zeros(ROWS, q, dtype),
        lane=zeros(1, 64 // dtype.itemsize, dtype),
        sums=np.empty(K),
        order=np.empty((2, K), np.int64),
    )


@njit(**INNER)
def _step(w: Weights, z: Streams, first: int, m: int) -> None:
    """h ← tanh(W h + U x + b);  o = V h + c,  for the five streams from `first` on."""
    h, x, a, o = z.h, z.x, z.a, z.o
    p, q, lanes, rows = h.shape[1], o.shape[1], 64 // h.itemsize, min(len(x) - first, ROWS)
    for s in range(rows):
        for k in range(0, p, lanes):
            store(a, s, k, load(w.UT, x[first + s], k) + load(w.b, 0, k))
    if len(x) == 1:
        recurrence(a, 1, a, 0, h, 0, 1, w.WT, m, VECTORS, 0, p // w.WT.shape[1] * w.WT.shape[1])
        for k in range(0, p, lanes):
            store(h, 0, k, vector_tanh(load(a, 1, k)))
        recurrence(o, 0, w.c, 0, h, 0, 1, w.VT, m, VECTORS, 0, q)
        return
    add_product(a, h[first:], rows, w.WT, m, 0, p // w.WT.shape[1] * w.WT.shape[1])
    for s in range(rows):
        for k in range(0, p, lanes):
            store(h, first + s, k, vector_tanh(load(a, s, k)))
        copy_row(w.c, 0, o, s, 0, q)
    add_product(o, h[first:], rows, w.VT, m, 0, q)


@njit(**INNER)
def _sort(order: Array, outputs: Array) -> int:
    """Rank the ids from the likeliest down, equals by id, in a row of `order`, and return it; in row 0 they go up.

    Runs are merged, twice as long each time, from one row into the other. NumPy's argsort does the same and takes a
    second to compile.
    """
    K, row, run = order.shape[1], 0, 1
    while run < K:
        for start in range(0, K, 2 * run):
            left, right = start, start + run
            middle, end = min(right, K), min(right + run, K)
            for n in range(start, end):
                first = left < middle  # of equals the left one
                if first and right < end:
                    first = not outputs[0, order[row, right]] > outputs[0, order[row, left]]
                order[1 - row, n] = order[row, left if first else right]
                left, right = left + first, right + (not first)
        row, run = 1 - row, 2 * run
    return row


@njit(**INNER)
def _draw(z: Streams, s: int, u: float, temperature: Any, top_k: int, top_p: float) -> tuple[int, float]:
    """Return a character drawn from softmax(o[s] / temperature), and its probability in softmax(o[s]).

    Kept are the `top_k` likeliest, and of these the fewest that make up `top_p` of their weight. Drawn is the first
    whose cumulative weight is above u times the total, with 0 ≤ u < 1. The probability is NaN where an output is.
    """
    o, outputs, warm, sums, order = z.o, z.outputs, z.warm, z.sums, z.order
    q, lanes, K = o.shape[1], 64 // o.itemsize, len(sums)
    copy_row(o, s, outputs, 0, 0, q)
    top, total = exponentials(o, s, z.lane, 0)
    if temperature == 0:
        likeliest = 0
        while likeliest < K - 1 and outputs[0, likeliest] != top:
            likeliest += 1
        return likeliest, 1.0 / float(total)
    e = o
    if temperature != 1:
        # The largest is taken off first: at any temperature it becomes 0, and nothing overflows.
        for k in range(0, q, lanes):
            store(warm, s, k, (load(outputs, 0, k) - top) / temperature)
        exponentials(warm, s, z.lane, 0)
        e = warm
    row, count, summed, drawn = 0, min(top_k, K) if top_k > 0 else K, 0.0, 0
    for k in range(K):
        order[0, k] = k
    if top_k > 0 or top_p < 1.0:
        row = _sort(order, outputs)
    for n in range(count):
        summed += float(e[s, order[row, n]])
        sums[n] = summed
    if top_p < 1.0:
        kept = 1
        while kept < count and sums[kept - 1] < top_p * summed:
            kept += 1
        count = kept
    limit = u * sums[count - 1]  # below it also when rounded, u being a multiple of 2^-53: what is drawn has a weight
    for n in range(count):
        drawn += sums[n] <= limit
    drawn = order[row, drawn]
    return drawn, float(o[s, drawn]) / float(total)


@compiled
def write(
    w: Weights, z: Streams, m: int, uniform: Array, temperature: Any, top_k: int, top_p: float, ids: Array, p: Array
) -> None:
    """Write n characters of each stream into ids (S, n), and their probabilities in softmax(o) into p (S, n).

    uniform (S, n)  the random number in [0, 1) that each character is drawn by
    temperature     of the weights' dtype; 0 takes the likeliest. top_k 0 and top_p 1 leave all characters

    z goes on from there at the next call.
    """
    for n in range(ids.shape[1]):
        for first in range(0, len(z.x), ROWS):
            _step(w, z, first, m)
            for s in range(first, min(first + ROWS, len(z.x))):
                z.x[s], p[s, n] = _draw(z, s - first, uniform[s, n], temperature, top_k, top_p)
                ids[s, n] = z.x[s]
