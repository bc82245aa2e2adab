"""The training loop: it takes a state, yields rows, and writes no file.

An update reads a batch of sequences. network/order.py defines which sequences, and when the hidden state is carried
from one sequence to the next.
"""

from collections.abc import Iterator

from charloom.core.backend.backends import BACKENDS
from charloom.core.base.errors import Diverged
from charloom.core.base.types import Array
from charloom.core.network.recipe import NUMPY, Recipe
from charloom.core.network.state import TrainState, UpdateResults

SLOWER = 5


def block(recipe: Recipe, K: int) -> int:
    """Return the number of updates in a block, which is one call of the backend. K: characters in the vocabulary.

    A block takes a fifth of a second to half a second, or longer if a single update takes longer. Blocks must be short,
    because a signal ends training only between two blocks, and because all rows of a block are in memory. They must be
    long, because the weights change their memory layout before and after a block, which for a large network takes as
    long as several updates. A batch of n sequences takes about as long as (n + 2) / 3 updates with one sequence. The
    backend `numpy` takes about SLOWER times as long as the kernel.
    """
    T, m, n = recipe.seq_length, recipe.m, recipe.batch
    limit = min(100_000, max(1, 1_000_000 // (n * T)))
    most = min(limit, max(1, round(1e10 / (T * (n + 2) * m * (m + 2 * K)))))
    return max(1, most // SLOWER) if recipe.backend == NUMPY else most


def train(
    state: TrainState, ids: Array, updates: int, every: tuple[int, ...], recipe: Recipe, threads: int | None = None
) -> Iterator[UpdateResults]:
    """Train to update number `updates`; yield the rows from state.update to `updates` inclusive, a block at a time.

    ids      (characters,) the training text as integers from 0 to K − 1
    every    numbers of updates: a new block starts at each multiple of each number
    threads  number of threads of the kernel; None: the kernel chooses it

    The last block is only row `updates`: its loss belongs to the final weights, and the state after that row is not
    used. Raises Diverged, with the last finite state, after all rows before that state were yielded.
    """
    longest = updates
    while True:
        count = min([updates - state.update, longest, *(step - state.update % step for step in every)]) or 1
        try:
            rows = BACKENDS[recipe.backend].advance(state, ids, count, recipe, threads)
        except Diverged as diverged:
            if count == 1:
                raise Diverged(str(diverged), state) from None
            longest = 1  # repeat the updates one at a time, up to the last finite state
            continue
        yield rows
        if state.update == updates:
            return
        state = rows.after
