"""Memory: what a training needs, refused before any of it is allocated."""

import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil

from charloom.base.errors import Unavailable
from charloom.base.processors import of_groups
from charloom.network.recipe import Recipe
from charloom.network.rnn import size
from charloom.settings.params import Params, Sample

PROCESS = 100_000_000  # bytes: Python, its libraries, the compiled kernel, pieces of the text
FREED = 100_000_000  # bytes at most of arrays below 32 MB that are free again: the C library keeps them for others
BYTES_PER_CHARACTER = 100  # of a sample, with the table of them and what is marked in it
BYTES_PER_PAIR = 20  # of a sample's character and one of the vocabulary, while it is looked for in the text


def training_memory(recipe: Recipe, K: int, characters: int) -> int:
    """Return the bytes of memory that training holds at its peak, beside the files mapped by the system: from above.

    The whole process counts, and of the text what is in memory: a block, or all of its `characters` where they are not
    read from front to back in one go. Compiling the kernel, which is kept, takes 120 MB more, once.
    """
    m, item, kept = recipe.m, np.dtype(recipe.dtype).itemsize, len(recipe.optimizer.starts)
    p, q = m + 256 // item, K + 256 // item  # rows are whole vectors in the kernel's layout, and whole panels
    states = (6 + 2 * kept) * size(m, K)  # weights and what is kept before and after a block, the best, parts of them
    kernel = (2 + kept) * (2 * m * p + 2 * K * p + m * q) + K * p
    sequences = (recipe.batch * (recipe.seq_length + 1) + 32) * (3 * p + 2 * q + m + K)
    arrays = item * (states + kernel)
    whole = 0 if not recipe.reads_anywhere else np.min_scalar_type(K).itemsize * characters
    return PROCESS + arrays + min(arrays * 2 // 3, FREED) + item * sequences + whole


def check_training(params: Params, K: int, characters: int) -> None:
    """Raise Unavailable where training on so many characters needs more memory than this process may have."""
    beside = f", batch = {params.batch}" if params.batch > 1 else ""
    what = f"training with m = {params.m}, seq_length = {params.seq_length}{beside} and K = {K}"
    check_memory(training_memory(params.recipe, K, characters), what)


def check_memory(needed: int, what: str) -> None:
    """Raise Unavailable where this process may not have so many bytes of memory."""
    if needed > (has := memory()):
        raise Unavailable(f"not enough memory: {what} needs about {_gb(needed)}, there are {_gb(has)}")


def check_samples(checkpoints: int, sample: Sample, K: int) -> None:
    """Raise Unavailable where samples of so many checkpoints, and the best model's, would not fit into memory."""
    needed = (BYTES_PER_CHARACTER + BYTES_PER_PAIR * (K + 2)) * (checkpoints * sample.length + sample.best_length)
    check_memory(
        needed, f"sample.length: {sample.length} for {checkpoints:,} checkpoints, {sample.best_length} for the best"
    )


def memory() -> int:
    """Return the bytes of memory that this process may have: the machine's, or fewer where a limit is set."""
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    own = [] if soft == resource.RLIM_INFINITY else [soft]
    return min([int(psutil.virtual_memory().total), *group_limits(), *own])


def group_limits(*where: Path) -> Iterator[int]:
    """Yield the limits of the control groups that this process is in; `where`: other folders, for tests."""
    # Of version 2, and of version 1.
    for said in (*of_groups("memory.max", "", *where), *of_groups("memory.limit_in_bytes", "memory", *where)):
        with suppress(ValueError):  # `max`
            yield int(said)


def _gb(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"
