"""Statistics of a gradient before the optimiser's step, computed every STATISTICS_EVERY updates: slow code will do."""

import math
import sys

from numba import njit

from charloom.core.base.types import Array
from charloom.core.kernel.cache import INNER
from charloom.core.kernel.layout import Scratch, Sizes

MAX_FLOAT = sys.float_info.max


@njit(**INNER)
def gradient_statistics(z: Scratch, ids: Array, position: int, sizes: Sizes, row: Array) -> None:
    """Write statistics of an update's gradients to `row` (3,), computed from h, o and d after `passes.backward`.

    The characters of the update's sequences start at ids[position], as in `passes.forward`.

    row[0]  Euclidean norm of all gradients before clipping; MAX_FLOAT if it overflows
    row[1]  fraction of the gradients that clipping changes
    row[2]  fraction of the hidden activations with |h| > sizes.saturated
    """
    h, o, d = z.h, z.o, z.d
    m, K, rows, clip = sizes.m, sizes.K, sizes.T * sizes.n, sizes.clip
    first, sums = z.logs, z.sums  # the update needs their contents no more
    for t in range(rows):  # the first row with the same character
        first[0, t] = 0
        while ids[position + int(first[0, t])] != ids[position + t]:
            first[0, t] += 1
    squares, clipped, saturated = 0.0, 0, 0
    for i in range(m):
        squares, clipped = _with_row(squares, clipped, d, i, h, sizes, z.row)
        for t in range(rows):
            sums[0, t] = 0
        for t in range(rows):
            saturated += abs(h[t + sizes.n, i]) > sizes.saturated
            sums[0, int(first[0, t])] += float(d[t, i])
        for t in range(rows):
            squares, clipped = squares + sums[0, t] * sums[0, t], clipped + (abs(sums[0, t]) > clip)
    for k in range(K):
        squares, clipped = _with_row(squares, clipped, o, k, h[sizes.n :], sizes, z.row)
    row[0] = min(math.sqrt(squares), MAX_FLOAT)
    row[1] = clipped / (m * m + 2 * m * K + m + K)
    row[2] = saturated / (rows * m)


@njit(**INNER)
def _with_row(
    squares: float, clipped: int, left: Array, i: int, h: Array, sizes: Sizes, row: Array
) -> tuple[float, int]:
    """Return `squares` plus the squares of one row's gradients, and `clipped` plus the number that clipping changes.

    The gradients are those of row i of W and entry i of b, if left is d, or of row i of V and entry i of c, if left is
    the gradient by o: Σ_t left[t, i] · h[t] for the row, and Σ_t left[t, i] for the entry. `row` is a scratch array.
    """
    g = 0.0
    for j in range(sizes.m):
        row[j] = 0.0
    for t in range(sizes.T * sizes.n):
        factor = float(left[t, i])
        g += factor
        for j in range(sizes.m):  # a separate sum for each j
            row[j] += factor * float(h[t, j])
    squares, clipped = squares + g * g, clipped + (abs(g) > sizes.clip)
    for j in range(sizes.m):
        squares, clipped = squares + row[j] * row[j], clipped + (abs(row[j]) > sizes.clip)
    return squares, clipped
