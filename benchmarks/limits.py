"""The least time that an update can take on one core here: by its arithmetic, and by what it reads and writes.

Peak: additions and multiplications a second, none of them fused, with all in registers. Bandwidth: bytes a second read
from front to back, out of a block as large as the weights: so from the cache in which they lie, or from memory.
"""

import json
import sys
import time
from typing import Any

import numpy as np
from numba import njit
from text import SEQ_LENGTH

from charloom.base.types import Array
from charloom.kernel.cache import COMPILED
from charloom.kernel.layout import zeros
from charloom.kernel.vector import add_products, load_block, store

BLOCK = (0,) * 12  # vectors in registers: enough to hide how long one addition takes
SECONDS, TURNS = 0.1, 5  # a measurement, at least; how many of them


@njit(**COMPILED)
def _multiply(out: Array, w: Array, factor: Any, times: int) -> None:
    """Multiply what is near and add it up, `times` times a block of vectors."""
    a = load_block(out, 0, 0, BLOCK)
    for _ in range(times):
        a = add_products(a, w, 0, 0, factor)
    store(out, 0, 0, a)


@njit(**COMPILED)
def _read(out: Array, w: Array, factor: Any, times: int) -> None:
    """Read all of w from front to back, `times` times."""
    for _ in range(times):
        a = load_block(out, 0, 0, BLOCK)
        for row in range(len(w)):
            a = add_products(a, w, row, 0, factor)
        store(out, 0, 0, a)


def rate(run: Any, array: Array, work: float) -> float:
    """Return the units of work a second of CPU time, at best; `work` is what one time comes to."""
    out, times, best, turns = zeros(1, array.shape[1], array.dtype), 1, 0.0, TURNS
    run(out, array, array.dtype.type(0), 1)
    while turns:
        started = time.process_time()
        run(out, array, array.dtype.type(0), times)
        took = time.process_time() - started
        if took < SECONDS:
            times *= 2
        else:
            best, turns = max(best, work * times / took), turns - 1
    return best


def main(dtype: str, _: int, m: int, K: int, T: int = SEQ_LENGTH) -> None:
    """Print the least time of an update in microseconds, however many there are.

    Pairs of a multiplication and an addition: 2 T m² of the two recurrences, T m² of W's gradient, 3 T m K of V's
    products. Bytes: W and its transpose, T times each.
    """
    lanes = 64 // np.dtype(dtype).itemsize
    columns = lanes * len(BLOCK)
    pairs = rate(_multiply, zeros(1, columns, dtype), columns)
    W = m * m * np.dtype(dtype).itemsize
    both = zeros(max(1, 2 * W // (columns * np.dtype(dtype).itemsize)), columns, dtype)
    read = rate(_read, both, both.nbytes)
    recurrences = max(2 * T * m * m / pairs, 2 * T * W / read)
    rest = T * m * (m + 3 * K) / pairs
    print(json.dumps({"microseconds": 1e6 * (recurrences + rest), "pairs": pairs, "bytes": read}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
