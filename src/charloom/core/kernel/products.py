"""Sums of products in a fixed order of additions, with the results in registers.

A tile is a block of results that registers hold: a few rows of a few vectors. A panel is a block of a matrix's columns,
stored together: see layout.py.

Bottlenecks at m = 100 on a processor of 2022: multiplications in `add_product`; multiplications, divisions and square
roots in `learn`; reading w from the second-level cache in `recurrence`.
"""

from typing import Any, NamedTuple

from numba import njit

from charloom.core.base.types import Array
from charloom.core.kernel.cache import INNER, PASTED
from charloom.core.kernel.crew import Crew, share
from charloom.core.kernel.layout import ROWS, Sizes
from charloom.core.kernel.steps import step
from charloom.core.kernel.vector import (
    SQUARE,
    add_outer,
    at_least,
    at_most,
    load,
    load_tile,
    store,
    store_tile,
    transpose,
    zero_tile,
)

NEAR = 64  # rows of a panel that fit the first-level cache
ONE, TILE = (0,), (0,) * ROWS  # the compiler reads the number of rows or vectors from the tuple's type


@njit(**INNER)
def add_product(
    out: Array, left: Array, rows: int, right: Array, n: int, begin: int, end: int, across: Any
) -> None:  # fmt: skip
    """Compute out[t] += Σ_j left[t, j] · right[j], j from 0 to n − 1, for the rows t < `rows`, a tile at a time.

    out, left   matrices (·, columns) and (·, n), not in panels
    right       matrix in panels
    begin, end  range of columns of `out`: multiples of the number of lanes of a vector
    across      see layout.across
    """
    while begin < end:
        limit, middle = in_panel(begin, end, right.shape[1], len(across) * 64 // out.itemsize)
        _add_columns(out, left, rows, right, n, begin, middle, across)
        _add_columns(out, left, rows, right, n, middle, limit, ONE)
        begin = limit


@njit(**PASTED)
def in_panel(begin: int, end: int, wide: int, block: int) -> tuple[int, int]:
    """Return the end of the columns from `begin` on that are in one panel, at most `end`, and the end of whole blocks.

    wide   columns of a panel
    block  columns of a tile: fewer than a block are left between the two ends
    """
    limit = min(end, begin // wide * wide + wide)
    return limit, limit - (limit - begin) % block


@njit(**INNER)
def _add_columns(
    out: Array, left: Array, rows: int, right: Array, n: int, begin: int, end: int, width: Any
) -> None:  # fmt: skip
    """Compute the columns `begin` to `end` − 1 of `add_product`, all in one panel, len(width) vectors at a time."""
    wide = right.shape[1]
    first = begin // wide * (len(right) // (out.shape[1] // wide))
    for k in range(begin, end, len(width) * 64 // out.itemsize):
        for t in range(0, rows, ROWS):  # the columns of `right` come from memory once, then from the cache
            x = load_tile(out, t, k, TILE, width)
            for j in range(n):
                x = add_outer(x, left, t, j, TILE, right, first + j, k % wide)
            store_tile(out, t, k, TILE, x)


@njit(**PASTED)
def take_step(w: Array, accumulators: Any, before: Array, i: int, k: int, g: Any, sizes: Sizes) -> None:
    """Clip the gradient g, a vector, and apply the optimiser's step to the vector of weights that starts at w[i, k].

    The accumulators are updated, too. The old weights are stored at the same place of `before`, an array of the shape
    of w. If the old weights are not needed, pass w as `before`. `sizes` has the rates and the clip limit.
    """
    g = at_least(at_most(g, sizes.clip), -sizes.clip)
    moved = step(sizes.rates, w, accumulators, i, k, g)
    store(before, i, k, load(w, i, k))
    store(w, i, k, moved)


@njit(**INNER)
def learn(
    w: Array, accumulators: Any, before: Array, left: Array, rows: int, right: Array, sizes: Sizes, g: Array,
    crew: Crew, across: Any,
) -> None:  # fmt: skip
    """Apply the optimiser's step to this thread's part of the rows w[i], i < `rows`.

    The gradient of row i is Σ_t left[i, t] · right[t], t < sizes.T · sizes.n. w, its accumulators and `before` (see
    take_step) are in panels; left and right are not. g is a scratch array with five rows for each thread: the gradients
    of five rows are computed, then their steps are applied, row by row. So the processor overlaps divisions and square
    roots with the next multiplications.
    """
    T, lanes, wide = sizes.T * sizes.n, 64 // w.itemsize, w.shape[1]
    panels, mine, block = right.shape[1] // wide, crew.me * ROWS, len(across) * lanes
    begin, end = share(rows, ROWS, crew)
    first = 0
    while first < panels * wide:
        # The part of `right` that is read for every i has to fit the cache: a panel, or the columns of a tile.
        limit, middle = in_panel(first, panels * wide, wide, block)
        limit = limit if T <= NEAR else min(limit, first + block if middle > first else first + lanes)
        middle = min(middle, limit)
        start, column = first // wide * (len(w) // panels), first // wide * wide
        for i in range(begin, end, ROWS):
            _gradients(g, mine, left, i, right, T, column, first, middle, across)
            _gradients(g, mine, left, i, right, T, column, middle, limit, ONE)
            for row in range(ROWS):
                for k in range(first - column, limit - column, lanes):
                    take_step(w, accumulators, before, start + i + row, k, load(g, mine + row, k), sizes)
        first = limit


@njit(**PASTED)
def _gradients(
    g: Array, to: int, left: Array, i: int, right: Array, T: int, column: int, begin: int, end: int, width: Any
) -> None:  # fmt: skip
    """Write the gradients of the rows i to i + 4, in the columns `begin` to `end` − 1, to the rows of g from `to` on.

    column  first column of the panel that has these columns: column 0 of g
    """
    for k in range(begin, end, len(width) * 64 // g.itemsize):
        x = zero_tile(g, TILE, width)
        for t in range(T):
            x = add_outer(x, left, i, t, TILE, right, t, k)
        store_tile(g, to, k - column, TILE, x)


class Recurrence(NamedTuple):
    """One step of a recurrence: out[to] = start[at] + Σ_j x[step, j] · w[j], j from 0 to n − 1.

    Sequence r of the batch has the rows to · batch + r of `out`, at · batch + r of `start` and step · batch + r of x.
    w is in panels.
    """

    out: Array
    to: int
    start: Array
    at: int
    x: Array
    step: int
    w: Array
    n: int
    batch: int


class Summands(NamedTuple):
    """The order in which the summands of a recurrence are added, for one panel of w.

    offset  the column of Recurrence.out at which the panel begins
    row     the row of the array Recurrence.w that holds the first summand's w[j]
    j       the index j of the first summand in Recurrence's sum Σ_j
    stride  1 or −1, to be added to `row` and j for the next summand
    """

    offset: int
    row: int
    j: int
    stride: int


@njit(**INNER)
def recurrence(sums: Recurrence, width: Any, batched: Any, begin: int, end: int) -> None:
    """Compute a step of a recurrence; j goes from 0 to n − 1 at even steps, and from n − 1 to 0 at odd steps.

    A sequence has the same sums in every batch. Odd steps begin with the last panel, which is still in the cache.

    width, batched  see Scratch in layout.py
    begin, end      range of columns of `out`: multiples of the result of `unit`
    """
    lanes, wide = 64 // sums.out.itemsize, sums.w.shape[1]
    apart = len(sums.w) // (sums.out.shape[1] // wide)
    odd = sums.step % 2 == 1
    j, stride = (sums.n - 1, -1) if odd else (0, 1)
    while begin < end:
        first = max(begin, (end - 1) // wide * wide) if odd else begin
        panel = Summands(offset=first // wide * wide, row=first // wide * apart + j, j=j, stride=stride)
        if batched is None:  # the compiler skips the other branch
            limit, block = first + wide, len(width) * lanes
            for column in range(0, wide, block):
                k = min(column, wide - block)  # the last block overlaps the one before it, so there is no remainder
                _tile(sums, panel, 0, k, ONE, width)
        else:
            limit, middle = in_panel(first, end, wide, len(batched) * lanes)
            _tiles(sums, panel, first, middle, batched)
            _tiles(sums, panel, middle, limit, ONE)
        begin, end = (begin, first) if odd else (limit, end)


@njit(**INNER)
def _tiles(sums: Recurrence, panel: Summands, begin: int, end: int, width: Any) -> None:
    """Compute the columns `begin` to `end` − 1 of a recurrence, all in one panel, for a batch of two or more sequences.

    A tile has 3, 4 or 5 sequences as rows; only a batch of two sequences is computed in a tile of two rows.
    """
    for k in range(begin - panel.offset, end - panel.offset, len(width) * 64 // sums.out.itemsize):
        i = 0
        while i < sums.batch:
            left = sums.batch - i
            if left == ROWS or left > 7:
                _tile(sums, panel, i, k, TILE, width)
                i += ROWS
            elif left in (4, 7):
                _tile(sums, panel, i, k, (0, 0, 0, 0), width)
                i += 4
            elif left == 2:
                _tile(sums, panel, i, k, (0, 0), width)
                i += 2
            else:
                _tile(sums, panel, i, k, (0, 0, 0), width)
                i += 3


@njit(**PASTED)
def unit(wide: int, lanes: int, batch: int) -> int:
    """Return the number of adjacent columns of a recurrence that one thread computes together.

    For one sequence it is `wide`, the width of a panel; for a batch it is `lanes`, the width of a vector.
    """
    return wide if batch == 1 else lanes


@njit(**PASTED)
def _tile(sums: Recurrence, panel: Summands, i: int, k: int, height: Any, width: Any) -> None:
    """Compute a tile of a recurrence: len(height) rows of the batch from i on, len(width) vectors from column k on.

    Of `height` and `width` only the lengths matter.
    """
    a = load_tile(sums.start, sums.at * sums.batch + i, panel.offset + k, height, width)
    row, j = panel.row, panel.j
    for _ in range(sums.n):
        a = add_outer(a, sums.x, sums.step * sums.batch + i, j, height, sums.w, row, k)
        j += panel.stride
        row += panel.stride
    store_tile(sums.out, sums.to * sums.batch + i, panel.offset + k, height, a)


@njit(**PASTED)
def copy_row(source: Array, i: int, target: Array, to: int, begin: int, end: int) -> None:
    """Copy the columns `begin` to `end` − 1 of source[i] to target[to], vector by vector.

    A NumPy slice assignment takes seconds to compile.
    """
    for k in range(begin, end, 64 // source.itemsize):
        store(target, to, k, load(source, i, k))


@njit(**INNER)
def transpose_all(source: Array, rows: int, columns: int, target: Array, crew: Crew) -> None:
    """Compute target[k, i] = source[i, k] for i < rows and this thread's part of k < columns.

    The matrices are transposed in squares of SQUARE rows and columns. Both matrices may be in panels.
    """
    lanes, wide, to_wide = 64 // source.itemsize, source.shape[1], target.shape[1]
    apart = len(source) // -(-columns // wide)
    to_apart = len(target) // -(-rows // to_wide)
    begin, end = share(columns, lanes, crew)
    for k in range(begin, end, SQUARE):
        for i in range(0, rows, SQUARE):
            place = k // wide * apart + i, k % wide
            transpose(source, *place, target, i // to_wide * to_apart + k, i % to_wide)
