"""Writing text, compiled: a forward step of the network for many streams at once, then a character drawn for each.

A stream is a text being written. The order of additions is the same for one stream and for many, so a stream's text
does not depend on the number of streams. For speed, a single stream multiplies four vectors of weights at a time, and
several streams are computed five at a time.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from charloom.core.base.types import Array
from charloom.core.kernel.cache import INNER, compiled
from charloom.core.kernel.elementary import vector_tanh
from charloom.core.kernel.layout import ROWS, WIDTHS, Weights, zeros
from charloom.core.kernel.passes import exponentials
from charloom.core.kernel.products import ONE, Recurrence, add_product, copy_row, recurrence
from charloom.core.kernel.vector import load, store

VECTORS = (0,) * WIDTHS[0]  # the compiler reads the number of vectors at a time from the tuple's type


class Streams(NamedTuple):
    """The state of S streams, and scratch arrays. p and q are m and K rounded up: see Weights in layout.py.

    h (S + 5, p)    hidden states; rows from S on are zero
    x (S,)          ids of the characters to read next
    a (5, p)        U x + b of five streams, to which W h is added
    o (5, q)        outputs of five streams
    outputs (1, q)  outputs of one stream
    warm (5, q)     weights e^((o − max o) / temperature) at a temperature other than 0 and 1
    lane (1, lanes) a vector whose lanes are read one by one
    sums (K,)       cumulative weights e^((o − max o) / temperature) of the candidates, in the order of `order`
    order (2, K)    ids of the characters; _sort sorts them by decreasing output, between the two rows
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
    """Return S streams with the states h (S, m). x (S,) are the ids, from 0 to K − 1, that the streams read next."""
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
    """Compute h ← tanh(W h + U x + b) and o = V h + c for up to five streams, from number `first` on.

    h and x are indexed by the stream's number. The outputs of stream first + s are written to o[s].
    """
    h, x, a, o = z.h, z.x, z.a, z.o
    p, q, lanes, rows = h.shape[1], o.shape[1], 64 // h.itemsize, min(len(x) - first, ROWS)
    for s in range(rows):
        for k in range(0, p, lanes):
            store(a, s, k, load(w.UT, x[first + s], k) + load(w.b, 0, k))
    if len(x) == 1:
        sums = Recurrence(out=a, to=1, start=a, at=0, x=h, step=0, w=w.WT, n=m, batch=1)
        recurrence(sums, VECTORS, None, 0, p // w.WT.shape[1] * w.WT.shape[1])
        for k in range(0, p, lanes):
            store(h, 0, k, vector_tanh(load(a, 1, k)))
        recurrence(Recurrence(out=o, to=0, start=w.c, at=0, x=h, step=0, w=w.VT, n=m, batch=1), VECTORS, None, 0, q)
        return
    add_product(a, h[first:], rows, w.WT, m, 0, p // w.WT.shape[1] * w.WT.shape[1], ONE)
    for s in range(rows):
        for k in range(0, p, lanes):
            store(h, first + s, k, vector_tanh(load(a, s, k)))
        copy_row(w.c, 0, o, s, 0, q)
    add_product(o, h[first:], rows, w.VT, m, 0, q, ONE)


@njit(**INNER)
def _sort(order: Array, outputs: Array) -> int:
    """Sort the ids in order[0] by decreasing output; return the index, 0 or 1, of the row of `order` with the result.

    The ids in order[0] must be ascending. Ids with equal outputs stay in that order. This is a bottom-up merge sort
    between the two rows of `order`. NumPy's argsort gives the same order but takes a second to compile.
    """
    K, row, run = order.shape[1], 0, 1
    while run < K:
        for start in range(0, K, 2 * run):
            left, right = start, start + run
            middle, end = min(right, K), min(right + run, K)
            for n in range(start, end):
                first = left < middle  # stable: equal outputs take the left one first
                if first and right < end:
                    first = not outputs[0, order[row, right]] > outputs[0, order[row, left]]
                order[1 - row, n] = order[row, left if first else right]
                left, right = left + first, right + (not first)
        row, run = 1 - row, 2 * run
    return row


@njit(**INNER)
def _draw(z: Streams, s: int, u: float, temperature: Any, top_k: int, top_p: float) -> tuple[int, float]:
    """Return the id of a character drawn from softmax(o[s] / temperature), and its probability in softmax(o[s]).

    The candidates are the `top_k` likeliest characters, or all characters if `top_k` is 0. If `top_p` is below 1, only
    the fewest likeliest candidates remain that have the share `top_p` of all candidates' weights (nucleus sampling).
    The result is the first candidate whose cumulative weight exceeds u times the sum of the candidates' weights, with
    0 ≤ u < 1. At temperature 0 it is the likeliest character, whatever u, `top_k` and `top_p` are. The probability is
    NaN if an output is NaN. o[s] is overwritten. See Streams.sums for the weights.
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
        # Subtract the maximum first: it becomes 0 at any temperature, so nothing overflows.
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
        nucleus = 1
        while nucleus < count and sums[nucleus - 1] < top_p * summed:
            nucleus += 1
        count = nucleus
    limit = u * sums[count - 1]  # below the total even when rounded: u is a multiple of 2^-53 below 1
    for n in range(count):
        drawn += sums[n] <= limit
    drawn = order[row, drawn]
    return drawn, float(o[s, drawn]) / float(total)


@compiled
def write(
    w: Weights, z: Streams, m: int, uniform: Array, temperature: Any, top_k: int, top_p: float, ids: Array, p: Array
) -> None:
    """Draw n characters for each stream; write the ids to ids (S, n), their probabilities in softmax(o) to p (S, n).

    uniform (S, n)  a random number in [0, 1) for each character
    temperature     in the weights' dtype; 0 takes the likeliest character
    top_k, top_p    limit the candidates: see _draw; 0 and 1 allow all characters

    z is updated in place, so the next call continues the texts.
    """
    for n in range(ids.shape[1]):
        for first in range(0, len(z.x), ROWS):
            _step(w, z, first, m)
            for s in range(first, min(first + ROWS, len(z.x))):
                z.x[s], p[s, n] = _draw(z, s - first, uniform[s, n], temperature, top_k, top_p)
                ids[s, n] = z.x[s]
