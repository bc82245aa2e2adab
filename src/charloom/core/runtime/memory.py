"""The memory that a training or sampling needs, checked before any of it is allocated."""

import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil

from charloom.core.base.errors import Unavailable
from charloom.core.base.processors import group_values
from charloom.core.config.params import Params, Sample
from charloom.core.network.recipe import Recipe
from charloom.core.network.rnn import size

PROCESS = 80_000_000  # bytes of Python, its libraries, the compiled kernel, and pieces of the text
FREED = 100_000_000  # bytes, at most, of freed arrays below 32 MB that the C library does not return to the system
BYTES_PER_CHARACTER = 100  # a sample, its table and its marks
BYTES_PER_PAIR = 20  # a sample's character with a character of the vocabulary: a table for the search in the text


def training_memory(recipe: Recipe, K: int, characters: int) -> int:
    """Return an upper bound of the bytes of memory that the process needs to train.

    K           number of characters in the vocabulary
    characters  length of the text

    Compiling the kernel needs another 120 MB. Compiled code is cached, so later processes do not compile.
    """
    m, item, accumulators = recipe.m, np.dtype(recipe.dtype).itemsize, len(recipe.optimizer.starts)
    p, q = m + 256 // item, K + 256 // item  # the kernel pads rows to whole vectors and panels
    states = (6 + 2 * accumulators) * size(m, K)  # weights and accumulators before and after a block, best, temporaries
    kernel = (2 + accumulators) * (2 * m * p + 2 * K * p + m * q) + K * p
    sequences = (recipe.batch * (recipe.seq_length + 1) + 32) * (3 * p + 2 * q + m + K)
    arrays = item * (states + kernel)
    text = np.min_scalar_type(K).itemsize * characters
    return PROCESS + arrays + min(arrays * 2 // 3, FREED) + item * sequences + text


def check_training(params: Params, K: int, characters: int) -> None:
    """Raise Unavailable if the process cannot get the memory for a training: see training_memory for the arguments."""
    purpose = f"training with m = {params.m}, seq_length = {params.seq_length}, batch = {params.batch} and K = {K}"
    check_memory(training_memory(params.recipe, K, characters), purpose)


def check_memory(needed: int, purpose: str) -> None:
    """Raise Unavailable if this process cannot get `needed` bytes of memory: see `memory`.

    purpose  the activity that needs the memory, in words, for the message
    """
    if needed > (available := memory()):
        raise Unavailable(f"not enough memory: {purpose} needs about {_gb(needed)}, {_gb(available)} are available")


def check_samples(checkpoints: int, sample: Sample, K: int) -> None:
    """Raise Unavailable if the samples of all checkpoints and of the best model would not fit into memory.

    checkpoints  number of checkpoints
    sample       the params that have the lengths of the samples
    K            number of characters in the vocabulary
    """
    needed = (BYTES_PER_CHARACTER + BYTES_PER_PAIR * (K + 2)) * (checkpoints * sample.length + sample.best_length)
    purpose = f"sample.length: {sample.length} for {checkpoints:,} checkpoints, {sample.best_length} for the best"
    check_memory(needed, purpose)


def memory() -> int:
    """Return how many bytes of memory this process can get: the machine's memory, or a lower limit of the process.

    Limits are RLIMIT_AS and those of control groups. Memory that other processes use is not subtracted.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    limits = [] if soft == resource.RLIM_INFINITY else [soft]
    return min([int(psutil.virtual_memory().total), *group_limits(), *limits])


def group_limits(*paths: Path) -> Iterator[int]:
    """Yield the memory limits, in bytes, of this process's Linux control groups, of version 2 and then of version 1.

    paths  arguments `memberships` and `top` for processors.group_values; only tests give them

    A group without a limit is skipped.
    """
    for text in (*group_values("memory.max", "", *paths), *group_values("memory.limit_in_bytes", "memory", *paths)):
        with suppress(ValueError):  # "max": no limit
            yield int(text)


def _gb(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"
