"""What a gradient is like before the optimiser takes it. It is asked for at each thousandth update: it may be slow."""

import math
import sys

from numba import njit

from charloom.base.types import Array
from charloom.kernel.cache import INNER
from charloom.kernel.layout import Scratch, Sizes

STATISTICS_EVERY = 1000  # updates
LARGEST = sys.float_info.max


@njit(**INNER)
def gradient_statistics(z: Scratch, ids: Array, position: int, sizes: Sizes, row: Array) -> None:
    """Write into `row` (3,) what the gradients of an update are like, from what `backward` has left in h, o and d.

    row[0]  the Euclidean norm of all gradients before clipping; the largest float where it is beyond
    row[1]  the fraction of them that clipping changes
    row[2]  the fraction of the hidden activations with |h| > sizes.saturated
    """
    h, o, d = z.h, z.o, z.d
    m, K, rows, clip = sizes.m, sizes.K, sizes.T * sizes.n, sizes.clip
    squares, clipped, saturated = 0.0, 0, 0
    for i in range(m):
        squares, clipped = _with_row(squares, clipped, d, i, h, sizes, z.row)
        for t in range(rows):
            saturated += abs(h[t + sizes.n, i]) > sizes.saturated
            x, g = ids[position + t], 0.0
            for other in range(rows):
                if ids[position + other] == x:
                    if other < t:
                        break  # this character's gradient is counted already
                    g += float(d[other, i])
            squares, clipped = squares + g * g, clipped + (abs(g) > clip)
    for k in range(K):
        squares, clipped = _with_row(squares, clipped, o, k, h[sizes.n :], sizes, z.row)
    row[0] = min(math.sqrt(squares), LARGEST)
    row[1] = clipped / (m * m + 2 * m * K + m + K)
    row[2] = saturated / (rows * m)


@njit(**INNER)
def _with_row(
    squares: float, clipped: int, left: Array, i: int, h: Array, sizes: Sizes, row: Array
) -> tuple[float, int]:
    """Return `squares` and `clipped` with Σ_t left[t, i], of b or c, and Σ_t left[t, i] · h[t], a row of W or V."""
    g = 0.0
    for j in range(sizes.m):
        row[j] = 0.0
    for t in range(sizes.T * sizes.n):
        factor = float(left[t, i])
        g += factor
        for j in range(sizes.m):  # side by side: a sum of its own for each j
            row[j] += factor * float(h[t, j])
    squares, clipped = squares + g * g, clipped + (abs(g) > sizes.clip)
    for j in range(sizes.m):
        squares, clipped = squares + row[j] * row[j], clipped + (abs(row[j]) > sizes.clip)
    return squares, clipped
