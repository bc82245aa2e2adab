"""Sums of products, each in one order, with as many results in registers as a processor has.

What limits them at m = 100 on a processor of 2022: `add_product` its multiplications, `learn` these and the divisions
and roots beside them, `recurrence` the reading of w from the second-level cache.
"""

from typing import Any

from numba import njit

from charloom.base.types import Array
from charloom.kernel.cache import INNER, PASTED
from charloom.kernel.layout import ROWS, Sizes
from charloom.kernel.steps import step
from charloom.kernel.vector import (
    add_outer,
    at_least,
    at_most,
    load,
    load_tile,
    splat,
    store,
    store_tile,
    transpose,
)

ONE, TILE = (
    (0,),
    (0,) * ROWS,
)  # how many rows or vectors are in registers: the compiler sees a tuple's length in its type


@njit(**INNER)
def add_product(out: Array, left: Array, rows: int, right: Array, n: int) -> None:
    """out[t] += Σ_j left[t, j] · right[j], j from 0 to n − 1, for t below `rows`, five rows at a time.

    right   in panels
    """
    lanes, wide = 64 // out.itemsize, right.shape[1]
    panels = out.shape[1] // wide
    for k in range(0, panels * wide, lanes):
        first, column = k // wide * (len(right) // panels), k % wide
        for t in range(0, rows, ROWS):  # a column of `right` is read once from afar, and then from the cache
            x = load_tile(out, t, k, TILE, ONE)
            for j in range(n):
                x = add_outer(x, left, t, j, TILE, right, first + j, column)
            store_tile(out, t, k, TILE, x)


@njit(**PASTED)
def take_step(w: Array, kept: Any, before: Array, i: int, k: int, g: Any, sizes: Sizes) -> None:
    """g ← min(max(g, −clip), clip), and then the optimiser's step, for the vector at [i, k].

    `before` takes what w was. Where nobody wants it, it is w.
    """
    g = at_least(at_most(g, sizes.clip), -sizes.clip)
    moved = step(sizes.rates, w, kept, i, k, g)
    store(before, i, k, load(w, i, k))
    store(w, i, k, moved)


@njit(**INNER)
def learn(w: Array, kept: Any, before: Array, left: Array, rows: int, right: Array, sizes: Sizes, g: Array) -> None:
    """A step of w[i], i below `rows`, with the gradient Σ_t left[i, t] · right[t], t from 0 to T · n − 1.

    w, and what is kept beside it, are in panels. g keeps the gradients of the tile of w before. Between fifths of the
    sum for one tile, a row of the tile before takes its step: a processor divides and takes roots beside its
    multiplications, where they are close together.
    """
    T = sizes.T * sizes.n
    lanes, wide = 64 // w.itemsize, w.shape[1]
    panels = right.shape[1] // wide
    zero = splat(w, 0.0)
    last_i, last_k = -1, 0
    for panel in range(panels):
        for i in range(0, rows, ROWS):
            for k in range(0, wide, lanes):
                x = zero, zero, zero, zero, zero
                for fifth in range(ROWS):
                    if last_i >= 0:
                        take_step(w, kept, before, last_i + fifth, last_k, load(g, fifth, 0), sizes)
                    for t in range(fifth * T // ROWS, (fifth + 1) * T // ROWS):
                        x = add_outer(x, left, i, t, TILE, right, t, panel * wide + k)
                store_tile(g, 0, 0, TILE, x)
                last_i, last_k = panel * (len(w) // panels) + i, k
    for row_of_tile in range(ROWS):
        take_step(w, kept, before, last_i + row_of_tile, last_k, load(g, row_of_tile, 0), sizes)


@njit(**INNER)
def recurrence(
    out: Array, to: int, start: Array, at: int, x: Array, step: int, batch: int, w: Array, n: int, width: Any
) -> None:
    """out[to] = start[at] + Σ_j x[step, j] · w[j]; j from 0 to n − 1 at even steps, from n − 1 to 0 at odd ones.

    A batch has so many rows for each of these. Each sum is that of a sequence alone, to the bit.

    w       in panels, of which odd steps begin with the last: what was read last is still near
    width   as many vectors of one row are summed up side by side; or, of a larger batch, a vector of ROWS rows
    """
    to, at, of = to * batch, at * batch, step * batch
    lanes, wide = 64 // out.itemsize, w.shape[1]
    panels, block = out.shape[1] // wide, len(width) * lanes if batch < ROWS else lanes
    odd = step % 2 == 1
    first, stride = (n - 1, -1) if odd else (0, 1)
    for turn in range(panels):
        panel = panels - 1 - turn if odd else turn
        row = panel * (len(w) // panels) + first
        for column in range(0, wide, block):
            k = min(column, wide - block)  # the last overlaps its neighbour rather than leave a remainder
            if batch < ROWS:
                for i in range(batch):
                    _tile(out, to + i, start, at + i, panel * wide, x, of + i, first, w, row, k, stride, n, ONE, width)
            else:
                for tile in range(0, batch, ROWS):
                    i = min(tile, batch - ROWS)
                    _tile(out, to + i, start, at + i, panel * wide, x, of + i, first, w, row, k, stride, n, TILE, ONE)


@njit(**INNER)
def _tile(
    out: Array, to: int, start: Array, at: int, beside: int, x: Array, of: int, j: int, w: Array, row: int, k: int,
    stride: int, n: int, height: Any, width: Any,
) -> None:  # fmt: skip
    """A tile of it: w[row, k], and what is below or above it, is of column `beside` + k of the results."""
    a = load_tile(start, at, beside + k, height, width)
    for _ in range(n):
        a = add_outer(a, x, of, j, height, w, row, k)
        j += stride
        row += stride
    store_tile(out, to, beside + k, height, a)


@njit(**PASTED)
def copy_row(source: Array, i: int, target: Array, to: int) -> None:
    """target[to] = source[i]. NumPy's way to write it costs seconds to compile: its errors are put together there."""
    for k in range(0, source.shape[1], 64 // source.itemsize):
        store(target, to, k, load(source, i, k))


@njit(**INNER)
def transpose_all(source: Array, rows: int, columns: int, target: Array) -> None:
    """target[k, i] = source[i, k], square by square of vectors. Both may be in panels."""
    lanes, wide, to_wide = 64 // source.itemsize, source.shape[1], target.shape[1]
    apart = len(source) // -(-columns // wide)
    to_apart = len(target) // -(-rows // to_wide)
    for i in range(0, rows, lanes):
        for k in range(0, columns, lanes):
            place = k // wide * apart + i, k % wide
            transpose(source, *place, target, i // to_wide * to_apart + k, i % to_wide)
