"""The next character, compiled: a step of the network for many streams at once, and a draw from each.

A stream is computed as if it were alone, in the same order of additions, so what it writes does not depend on how
many are written beside it. One alone takes its rows of weights four vectors at a time, many take them five streams
at a time: the same sums.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

import charloom.cache  # noqa: F401  says where compiled code is kept, before any of it is defined
from charloom.elementary import vector_tanh
from charloom.kernel import exponentials
from charloom.layout import ROWS, WIDTHS, Weights, zeros
from charloom.products import add_product, recurrence
from charloom.rnn import Array
from charloom.vector import COMPILED, INNER, load, store

BLOCK = (0,) * WIDTHS[0]  # vectors at a time: the compiler sees its length


class Streams(NamedTuple):
    """S texts at work. p and q are m and K rounded up to vectors, rows beyond S are zero.

    h (S + 5, p), x (S,)  the states, and the characters that they read next
    a (S + 5, p), o (S + 5, q), warm (1, q), lane, ranked (K,), sums (K,)  what a step writes on its way
    """

    h: Array
    x: Array
    a: Array
    o: Array
    warm: Array
    lane: Array
    ranked: Array
    sums: Array


def streams(w: Weights, h: Array, x: Array, K: int) -> Streams:
    """Return streams that read the characters x (S,) next, from the states h (S, m)."""
    dtype, p, q, rows = w.W.dtype, w.W.shape[1], w.c.shape[1], len(x) + ROWS
    z = Streams(
        h=zeros(rows, p, dtype),
        x=np.array(x, np.int64),
        a=zeros(ROWS, p, dtype),
        o=zeros(ROWS, q, dtype),
        warm=zeros(1, q, dtype),
        lane=zeros(1, 64 // dtype.itemsize, dtype),
        ranked=np.empty(K, dtype),
        sums=np.empty(K),
    )
    z.h[: len(x), : h.shape[1]] = h
    return z


@njit(**INNER)
def _step(w: Weights, z: Streams, first: int, m: int) -> None:
    """Read x of the five streams from `first` on: h becomes the state after it, o the outputs."""
    WT, UT, VT, b, c = w.WT, w.UT, w.VT, w.b, w.c
    h, x, a, o = z.h, z.x, z.a, z.o
    p, q, lanes, rows = h.shape[1], o.shape[1], 64 // h.itemsize, min(len(x) - first, ROWS)
    for s in range(rows):
        for k in range(0, p, lanes):
            store(a, s, k, load(UT, x[first + s], k) + load(b, 0, k))
    if len(x) == 1:
        recurrence(a, 1, a, 0, h, 0, WT, m, BLOCK)
        for k in range(0, p, lanes):
            store(h, 0, k, vector_tanh(load(a, 1, k)))
        recurrence(o, 0, c, 0, h, 0, VT, m, BLOCK)
        return
    add_product(a, h, first, rows, WT, m)
    for s in range(rows):
        for k in range(0, p, lanes):
            store(h, first + s, k, vector_tanh(load(a, s, k)))
        for k in range(0, q, lanes):
            store(o, s, k, load(c, 0, k))
    add_product(o, h, first, rows, VT, m)


@njit(**INNER)
def _kept(e: Array, s: int, ranked: Array, top_k: int, top_p: float) -> tuple[float, int]:
    """Return the smallest of the numbers in e[s] that are kept, and how many of its equals are, by lowest id.

    Kept are the `top_k` largest, and of these the fewest that make up `top_p` of their sum.
    """
    K = len(ranked)
    for k in range(K):
        ranked[k] = e[s, k]
    ranked.sort()
    count = min(top_k, K) if top_k > 0 else K
    if top_p < 1.0:
        total = 0.0
        for n in range(count):
            total += float(ranked[K - 1 - n])
        summed, n = 0.0, 0
        while n < count and summed < top_p * total:
            summed += float(ranked[K - 1 - n])
            n += 1
        count = n
    smallest = ranked[K - count]
    larger = 0
    while ranked[K - 1 - larger] > smallest:
        larger += 1
    return smallest, count - larger


@njit(**INNER)
def _draw(z: Streams, s: int, u: float, temperature: Any, top_k: int, top_p: float) -> tuple[int, float]:
    """Return a character drawn from softmax(o[s] / temperature), and its probability in softmax(o[s]).

    The character is the first whose cumulative weight is above u times the total, with 0 ≤ u < 1.
    """
    o, warm, sums = z.o, z.warm, z.sums
    q, lanes, K = o.shape[1], 64 // o.itemsize, len(sums)
    for k in range(0, q, lanes):
        store(warm, 0, k, load(o, s, k))
    top, total = exponentials(o, s, z.lane)
    if temperature == 0:
        likeliest = 0
        while warm[0, likeliest] != top:
            likeliest += 1
        return likeliest, 1.0 / float(total)
    e, row = o, s
    if temperature != 1:
        # The largest is taken off first: at any temperature it becomes 0, and nothing overflows.
        for k in range(0, q, lanes):
            store(warm, 0, k, (load(warm, 0, k) - top) / temperature)
        exponentials(warm, 0, z.lane)
        e, row = warm, 0
    summed = 0.0
    if top_k > 0 or top_p < 1.0:
        smallest, equals = _kept(e, row, z.ranked, top_k, top_p)
        for k in range(K):
            weight = e[row, k]
            if weight > smallest:
                summed += float(weight)
            elif weight == smallest and equals > 0:
                summed += float(weight)
                equals -= 1
            sums[k] = summed
    else:
        for k in range(K):
            summed += float(e[row, k])
            sums[k] = summed
    limit = u * summed  # below the sum also when rounded, u being a multiple of 2^-53: what is drawn has a weight
    drawn = 0
    for k in range(K):
        drawn += sums[k] <= limit
    return drawn, float(o[s, drawn]) / float(total)


@njit(**COMPILED, cache=True)
def write(
    w: Weights, z: Streams, m: int, uniform: Array, temperature: Any, top_k: int, top_p: float, ids: Array, p: Array
) -> None:
    """Write ids.shape[1] characters for each stream into ids (S, n), and their probabilities into p (S, n).

    Each takes its number from `uniform` (S, n), in [0, 1).
    """
    for n in range(ids.shape[1]):
        for first in range(0, len(z.x), ROWS):
            _step(w, z, first, m)
            for s in range(first, min(first + ROWS, len(z.x))):
                z.x[s], p[s, n] = _draw(z, s - first, uniform[s, n], temperature, top_k, top_p)
                ids[s, n] = z.x[s]
