"""One hash of what a training came to: its weights and its trace, nothing else."""

import hashlib
from collections.abc import Iterable

import numpy as np

from charloom.base.types import Array


def results_hash(last: Array, best: Array, trace: Iterable[Array]) -> str:
    """Return SHA-256, as 64 hexadecimal digits, of the last and the best weights and of the columns of the trace.

    last, best  (n,) all parameters in one vector
    trace       what plots/*.csv hold, a column an array: smooth losses, first losses, statistics of the gradient
    """
    digest = hashlib.sha256()
    for array in (last, best, *trace):
        ordered = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        digest.update(f"{ordered.dtype.str}{ordered.shape}".encode())
        digest.update(ordered.tobytes())
    return digest.hexdigest()
