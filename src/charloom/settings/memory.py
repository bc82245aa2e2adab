"""Memory: what a training needs, refused before any of it is allocated."""

import numpy as np
import psutil

from charloom.base.errors import Unavailable
from charloom.network.rnn import size


def training_memory(m: int, K: int, seq_length: int, characters: int, dtype: str) -> int:
    """Return the bytes that training holds at once, estimated from above."""
    item = np.dtype(dtype).itemsize
    p, q = m + 64 // item, K + 64 // item  # rows are whole vectors in the kernel's layout
    states = 8 * size(m, K) + item * 11 * size(m, K)  # the initial draw; three states, their parts in part the same
    kernel = item * 3 * (2 * m * p + 2 * K * p + m * q)
    sequence = item * ((seq_length + 32) * (3 * p + 2 * q + m + K) + K * p)
    return states + kernel + sequence + 16 * characters


def check_memory(needed: int, what: str) -> None:
    """Raise Unavailable where the machine has less than so many bytes of memory."""
    if needed > (has := psutil.virtual_memory().total):
        raise Unavailable(f"not enough memory: {what} needs about {_gb(needed)}, this machine has {_gb(has)}")


def _gb(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"
