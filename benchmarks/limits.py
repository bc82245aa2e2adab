"""Measure the least time of an update on one core of this machine, from its arithmetic and its reads of W.

Peak: additions and multiplications per second, not fused, with all values in registers. Bandwidth: bytes per second,
read from front to back from a block as large as the weights, that is, from the cache that holds them or from memory.
"""

import json
import sys
import time
from typing import Any

import numpy as np
from numba import njit
from text import SEQ_LENGTH

from charloom.core.base.types import Array
from charloom.core.kernel.cache import COMPILED
from charloom.core.kernel.layout import zeros
from charloom.core.kernel.vector import add_outer, load_tile, store_tile

# Vectors in registers: 3 or 4 suit a processor with few registers, 12 the others.
BLOCKS = tuple((0,) * vectors for vectors in (3, 4, 12))
ONE = (0,)
SECONDS, TURNS = 0.1, 3  # least duration of a measurement; number of measurements


@njit(**COMPILED)
def _multiply(out: Array, w: Array, factor: Array, times: int, block: Any) -> None:
    """Multiply and add a block of vectors in registers or cache, `times` times."""
    a = load_tile(out, 0, 0, ONE, block)
    for _ in range(times):
        a = add_outer(a, factor, 0, 0, ONE, w, 0, 0)
    store_tile(out, 0, 0, ONE, a)


@njit(**COMPILED)
def _read(out: Array, w: Array, factor: Array, times: int, block: Any) -> None:
    """Read all of w from front to back, `times` times."""
    for _ in range(times):
        a = load_tile(out, 0, 0, ONE, block)
        for row in range(len(w)):
            a = add_outer(a, factor, 0, 0, ONE, w, row, 0)
        store_tile(out, 0, 0, ONE, a)


def rate(run: Any, size: int, dtype: str) -> float:
    """Return the bytes per second that `run` processes in an array of about `size` bytes, with the fastest block."""
    lanes = 64 // np.dtype(dtype).itemsize
    arrays = [zeros(max(1, size // (64 * len(block))), lanes * len(block), dtype) for block in BLOCKS]
    return max(_rate(run, array, block) for array, block in zip(arrays, BLOCKS, strict=True))


def _rate(run: Any, array: Array, block: Any) -> float:
    """Return the bytes per second with this block, the highest of TURNS measurements."""
    out, factor = zeros(1, array.shape[1], array.dtype), zeros(1, 1, array.dtype)
    times, best, turns = 1, 0.0, TURNS
    run(out, array, factor, 1, block)
    while turns:
        started = time.process_time()
        run(out, array, factor, times, block)
        seconds = time.process_time() - started
        if seconds < SECONDS:
            times *= 2
        else:
            best, turns = max(best, array.nbytes * times / seconds), turns - 1
    return best


def main(dtype: str, _: int, m: int, K: int, T: int = SEQ_LENGTH, batch: int = 1) -> None:
    """Print the least time of an update in microseconds. The second argument, the number of updates, is not used.

    Pairs of a multiplication and an addition per sequence: 2 T m² in the two recurrences, T m² in the gradient of W,
    3 T m K in the products with V. Bytes: W and its transpose are each read T times per batch.
    """
    size = np.dtype(dtype).itemsize
    pairs = rate(_multiply, 64, dtype) / size
    W = m * m * size
    read = rate(_read, 2 * W, dtype)
    recurrences = max(2 * T * m * m * batch / pairs, 2 * T * W / read)
    rest = T * m * (m + 3 * K) * batch / pairs
    print(json.dumps({"microseconds": 1e6 * (recurrences + rest), "pairs": pairs, "bytes": read}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
