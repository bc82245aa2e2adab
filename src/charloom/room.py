"""Memory and disk: what a training needs, refused before anything is allocated or written."""

import shutil
from pathlib import Path

import numpy as np
import psutil

from charloom.errors import Unavailable
from charloom.rnn import size


def training_memory(m: int, K: int, seq_length: int, characters: int, dtype: str) -> int:
    """Return an estimate, from above, of the bytes that training holds at once."""
    item = np.dtype(dtype).itemsize
    p, q = m + 64 // item, K + 64 // item  # rows are whole vectors in the kernel's layout
    states = 8 * size(m, K) + item * 11 * size(m, K)  # the initial draw; three states, their parts in part the same
    kernel = item * 3 * (2 * m * p + 2 * K * p + m * q)
    sequence = item * ((seq_length + 32) * (3 * p + 2 * q + m + K) + K * p)
    return states + kernel + sequence + 16 * characters


def training_disk(m: int, K: int, updates: int, checkpoint_every: int, dtype: str) -> tuple[int, int]:
    """Return the bytes of the outputs, and of the resume state beside them."""
    item = np.dtype(dtype).itemsize
    model = item * (size(m, K) + m) + 4 * K + 4096
    checkpoints = updates // checkpoint_every + 1
    trace = 8 * updates // 100 + 4 * 8 * updates // 1000
    return (checkpoints + 2) * model + 5 * trace, checkpoints * model + 3 * (3 * model + trace)


def check_memory(needed: int, what: str) -> None:
    """Raise Unavailable where the machine has not that many bytes of memory."""
    if needed > (has := psutil.virtual_memory().total):
        raise Unavailable(f"not enough memory: {what} needs about {_gb(needed)}, this machine has {_gb(has)}")


def check_disk(needed: dict[Path, int]) -> None:
    """Raise Unavailable where the disks of these folders have not that many bytes free, or a folder is read-only."""
    asked: dict[int, int] = {}
    for folder, more in needed.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            trial = folder / ".trial"
            trial.touch()
            trial.unlink(missing_ok=True)  # two experiments may try at once
        except OSError as error:
            raise Unavailable(f"{folder}: {error.strerror}; results are written here") from None
        device = folder.stat().st_dev
        asked[device] = asked.get(device, 0) + more
        if asked[device] > (free := shutil.disk_usage(folder).free):
            raise Unavailable(f"{folder}: about {_gb(asked[device])} are needed, {_gb(free)} are free")


def _gb(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"
