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
from charloom.kernel.vector import add_products, at_least, at_most, load, load_block, splat, store, transpose


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
            x0, x1, x2 = load(out, t, k), load(out, t + 1, k), load(out, t + 2, k)
            x3, x4 = load(out, t + 3, k), load(out, t + 4, k)
            for j in range(n):
                row = load(right, first + j, column)
                x0 = x0 + row * left[t, j]
                x1 = x1 + row * left[t + 1, j]
                x2 = x2 + row * left[t + 2, j]
                x3 = x3 + row * left[t + 3, j]
                x4 = x4 + row * left[t + 4, j]
            store(out, t, k, x0)
            store(out, t + 1, k, x1)
            store(out, t + 2, k, x2)
            store(out, t + 3, k, x3)
            store(out, t + 4, k, x4)


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
    """A step of w[i], i below `rows`, with the gradient Σ_t left[i, t] · right[t], t from 0 to T − 1.

    w, and what is kept beside it, are in panels. g keeps the gradients of the tile of w before. Between fifths of the
    sum for one tile, a row of the tile before takes its step: a processor divides and takes roots beside its
    multiplications, where they are close together.
    """
    T = sizes.T
    lanes, wide = 64 // w.itemsize, w.shape[1]
    panels = right.shape[1] // wide
    zero = splat(w, 0.0)
    last_i, last_k = -1, 0
    for panel in range(panels):
        for i in range(0, rows, ROWS):
            for k in range(0, wide, lanes):
                g0, g1, g2, g3, g4 = zero, zero, zero, zero, zero
                for fifth in range(ROWS):
                    if last_i >= 0:
                        take_step(w, kept, before, last_i + fifth, last_k, load(g, fifth, 0), sizes)
                    for t in range(fifth * T // ROWS, (fifth + 1) * T // ROWS):
                        row = load(right, t, panel * wide + k)
                        g0 = g0 + row * left[i, t]
                        g1 = g1 + row * left[i + 1, t]
                        g2 = g2 + row * left[i + 2, t]
                        g3 = g3 + row * left[i + 3, t]
                        g4 = g4 + row * left[i + 4, t]
                store(g, 0, 0, g0)
                store(g, 1, 0, g1)
                store(g, 2, 0, g2)
                store(g, 3, 0, g3)
                store(g, 4, 0, g4)
                last_i, last_k = panel * (len(w) // panels) + i, k
    for row_of_tile in range(ROWS):
        take_step(w, kept, before, last_i + row_of_tile, last_k, load(g, row_of_tile, 0), sizes)


@njit(**INNER)
def recurrence(out: Array, to: int, start: Array, at: int, x: Array, step: int, w: Array, n: int, width: Any) -> None:
    """out[to] = start[at] + Σ_j x[step, j] · w[j]; j from 0 to n − 1 at even steps, from n − 1 to 0 at odd ones.

    w   in panels, of which odd steps begin with the last: what was read last is still near
    """
    block, wide = len(width) * 64 // out.itemsize, w.shape[1]
    panels = out.shape[1] // wide
    odd = step % 2 == 1
    first, stride = (n - 1, -1) if odd else (0, 1)
    for turn in range(panels):
        panel = panels - 1 - turn if odd else turn
        for column in range(0, wide, block):
            k = min(column, wide - block)  # the last overlaps its neighbour rather than leave a remainder
            a = load_block(start, at, panel * wide + k, width)
            j, row = first, panel * (len(w) // panels) + first
            for _ in range(n):
                a = add_products(a, w, row, k, x[step, j])
                j += stride
                row += stride
            store(out, to, panel * wide + k, a)


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
