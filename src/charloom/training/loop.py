"""The training loop: a state goes in, rows come out, and nothing is written.

An update reads a batch of sequences; network/order.py says which, and where a hidden state is carried from one to the
next.
"""

from collections.abc import Iterator

from charloom.base.errors import Diverged
from charloom.base.types import Numbers
from charloom.kernel.advance import Rows, TrainState, advance
from charloom.network.recipe import Recipe


def block(recipe: Recipe, K: int) -> int:
    """Return how many updates take a fifth of a second or so. Between two blocks a signal may end training.

    Before and after each block the weights change their layout: of a large network that takes as long as some updates.
    Of the smallest networks they are fewer: what a block reads and writes is in memory.
    """
    characters = recipe.batch * recipe.seq_length
    most = min(100_000, max(1, 1_000_000 // characters))
    return min(most, max(1, round(6e9 / (6 * characters * recipe.m * (recipe.m + 2 * K)))))


def train(
    state: TrainState,
    ids: Numbers,
    updates: int,
    every: tuple[int, ...],
    recipe: Recipe,
    threads: int | None = None,
) -> Iterator[Rows]:
    """Yield the rows from state.update to `updates` inclusive, a block at a time.

    A block starts at each multiple of each number in `every`, with the state at its first row. The last block
    is row `updates` alone: its loss is wanted, the step that follows is not taken.

    Raises Diverged, with the last state that is finite. All rows before that state have been yielded then.
    """
    longest = updates
    if recipe.reads_anywhere:
        ids = ids[0 : len(ids)]  # into memory
    while True:
        count = min([updates - state.update, longest, *(each - state.update % each for each in every)]) or 1
        try:
            rows = advance(state, ids, count, recipe, threads)
        except Diverged as diverged:
            if count == 1:
                raise Diverged(str(diverged), state) from None
            longest = 1  # the same updates again, one at a time, to the last that is finite
            continue
        yield rows
        if state.update == updates:
            return
        state = rows.after
