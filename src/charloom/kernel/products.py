"""Sums of products, each in one order, with as many results in registers as a processor has.

What limits them at m = 100 on a processor of 2022: `add_product` its multiplications, `learn` these and the divisions
and roots beside them, `recurrence` the reading of w from the second-level cache.
"""

from typing import Any

from numba import njit

from charloom.base.types import Array
from charloom.kernel.cache import INNER, PASTED
from charloom.kernel.crew import Crew, share
from charloom.kernel.layout import ROWS, Sizes
from charloom.kernel.steps import step
from charloom.kernel.vector import (
    SQUARE,
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

NEAR = 64  # rows of which as many vectors as a panel is wide stay in the first-level cache
FEW = 4  # sequences of a batch, below which a recurrence takes a panel at a time
ONE, TILE = (0,), (0,) * ROWS  # rows or vectors in registers: the compiler sees a tuple's length in its type


@njit(**INNER)
def add_product(out: Array, left: Array, rows: int, right: Array, n: int, begin: int, end: int) -> None:
    """out[t] += Σ_j left[t, j] · right[j], j from 0 to n − 1, for t below `rows`, five rows at a time.

    right       in panels
    begin, end  the columns of `out`, whole vectors
    """
    lanes, wide = 64 // out.itemsize, right.shape[1]
    panels = out.shape[1] // wide
    for k in range(begin, end, lanes):
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
def learn(
    w: Array, kept: Any, before: Array, left: Array, rows: int, right: Array, sizes: Sizes, g: Array, crew: Crew
) -> None:
    """A step of w[i], i of this member's below `rows`, with the gradient Σ_t left[i, t] · right[t], t from 0 to
    T · n − 1.

    w, and what is kept beside it, are in panels. g takes the gradients of five rows of a panel. Their steps follow at
    once, from front to back in memory: a processor divides and takes roots beside its next multiplications.
    """
    T, lanes, wide = sizes.T * sizes.n, 64 // w.itemsize, w.shape[1]
    panels, mine = right.shape[1] // wide, crew.me * ROWS
    begin, end = share(rows, ROWS, crew)
    # A part of `right` that is read once for each i has to stay near: of many rows it is a column.
    together = wide if T <= NEAR else lanes
    zero = splat(w, 0.0)
    for first in range(0, panels * wide, together):
        start = first // wide * (len(w) // panels)
        for i in range(begin, end, ROWS):
            for k in range(first, first + together, lanes):
                x = zero, zero, zero, zero, zero
                for t in range(T):
                    x = add_outer(x, left, i, t, TILE, right, t, k)
                store_tile(g, mine, k % wide, TILE, x)
            for row in range(ROWS):
                for k in range(first % wide, first % wide + together, lanes):
                    take_step(w, kept, before, start + i + row, k, load(g, mine + row, k), sizes)


@njit(**INNER)
def recurrence(
    out: Array, to: int, start: Array, at: int, x: Array, step: int, batch: int, w: Array, n: int, width: Any,
    begin: int, end: int,
) -> None:  # fmt: skip
    """out[to] = start[at] + Σ_j x[step, j] · w[j]; j from 0 to n − 1 at even steps, from n − 1 to 0 at odd ones.

    A batch has so many rows for each of these. Each sum is that of a sequence alone, to the bit.

    w           in panels, of which odd steps begin with the last: what was read last is still near
    width       how many vectors are summed up side by side for one sequence; of a batch it is a tile of rows
    begin, end  the columns of `out`, by `unit`
    """
    to, at, of = to * batch, at * batch, step * batch
    lanes, wide = 64 // out.itemsize, w.shape[1]
    apart, each = len(w) // (out.shape[1] // wide), unit(wide, lanes, batch)
    odd = step % 2 == 1
    j, stride = (n - 1, -1) if odd else (0, 1)
    for turn in range(0, end - begin, each):
        column = end - each - turn if odd else begin + turn
        panel, k = column // wide, column % wide
        row, beside = panel * apart + j, panel * wide
        if batch == 1:
            block = len(width) * lanes
            for first in range(0, wide, block):
                k = min(first, wide - block)  # the last overlaps its neighbour rather than leave a remainder
                _tile(out, to, start, at, beside, x, of, j, w, row, k, stride, n, ONE, width)
        elif batch < FEW:
            for first in range(0, wide, 2 * lanes):
                k = min(first, wide - 2 * lanes)
                if batch == 2:
                    _tile(out, to, start, at, beside, x, of, j, w, row, k, stride, n, (0, 0), (0, 0))
                else:
                    _tile(out, to, start, at, beside, x, of, j, w, row, k, stride, n, (0, 0, 0), (0, 0))
        else:
            i = 0
            while i < batch:  # five rows at a time, the last ones so that no tile has fewer than three
                left = batch - i
                if left == ROWS or left > 7:
                    _tile(out, to + i, start, at + i, beside, x, of + i, j, w, row, k, stride, n, TILE, ONE)
                    i += ROWS
                elif left in (4, 7):
                    _tile(out, to + i, start, at + i, beside, x, of + i, j, w, row, k, stride, n, (0, 0, 0, 0), ONE)
                    i += 4
                else:
                    _tile(out, to + i, start, at + i, beside, x, of + i, j, w, row, k, stride, n, (0, 0, 0), ONE)
                    i += 3


@njit(**PASTED)
def unit(wide: int, lanes: int, batch: int) -> int:
    """Return how many columns of a recurrence are given out together: a panel's; of a larger batch a vector's."""
    return wide if batch < FEW else lanes


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
def copy_row(source: Array, i: int, target: Array, to: int, begin: int, end: int) -> None:
    """target[to] = source[i], from column to column. NumPy's way to write it costs seconds to compile: its errors."""
    for k in range(begin, end, 64 // source.itemsize):
        store(target, to, k, load(source, i, k))


@njit(**INNER)
def transpose_all(source: Array, rows: int, columns: int, target: Array, crew: Crew) -> None:
    """target[k, i] = source[i, k], square by square, for k of this member's. Both may be in panels."""
    lanes, wide, to_wide = 64 // source.itemsize, source.shape[1], target.shape[1]
    apart = len(source) // -(-columns // wide)
    to_apart = len(target) // -(-rows // to_wide)
    begin, end = share(columns, lanes, crew)
    for k in range(begin, end, SQUARE):
        for i in range(0, rows, SQUARE):
            place = k // wide * apart + i, k % wide
            transpose(source, *place, target, i // to_wide * to_apart + k, i % to_wide)
