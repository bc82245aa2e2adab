"""In which order a training reads its text: where the sequence of each update starts, and which from a zero state.

    reading    from front to back. The state goes on from one sequence to the next; an epoch starts from zero
    chunks     the text is cut into chunks, read in an order drawn anew for each epoch, each chunk from a zero state
    positions  each sequence starts somewhere, drawn anew for each update, from a zero state

An epoch is as many updates as the text has sequences. What is drawn comes from a stream of its own, by epoch or by
update: a training that was stopped draws the same again.
"""

from typing import NamedTuple

import numpy as np

from charloom.base.types import Array

READING, CHUNKS, POSITIONS = "reading", "chunks", "positions"
STREAM = 5  # beside the seed: other draws have other numbers there
AT_ONCE = 1000  # positions that are drawn together


class Order(NamedTuple):
    """One: its name, and how many characters a chunk has, at least as many as a sequence."""

    name: str
    chunk_length: int = 0

    def places(self, update: int, count: int, characters: int, T: int, seed: int) -> tuple[Array, Array]:
        """Return of `count` updates, from this one on, where in the text each starts; and whether from a zero state.

        Both (count,). Of `characters` numbers in all, those from a start on to T after it are read.
        """
        updates = np.arange(update, update + count)
        if self.name == POSITIONS:
            starts = _drawn(updates[0], updates[-1], characters - T, seed)
            return starts, np.ones(count, np.bool_)
        epochs, at = np.divmod(updates, n := sequences(characters, T))
        if self.name == READING:
            return at * T, at == 0
        length, turns = min(self.chunk_length // T, n), np.split(at, np.flatnonzero(np.diff(epochs)) + 1)
        each = [_chunks(own, n, length, [seed, STREAM, epochs[0] + k]) for k, own in enumerate(turns)]
        chunk, at = np.concatenate(each, axis=1)
        return (chunk * length + at) * T, at == 0


AS_IT_STANDS = Order(READING)


def sequences(characters: int, T: int) -> int:
    """Return the number of sequences, hence of updates, in an epoch."""
    return (characters - 1) // T


def _chunks(turns: Array, n: int, length: int, stream: list[int]) -> Array:
    """Return the chunk that is read at each turn of an epoch of n, and which sequence of its `length`; (2, turns).

    The last chunk of the text may be shorter. Turns after it count as if it were not.
    """
    chunks = -(-n // length)
    order, short = np.random.default_rng(stream).permutation(chunks), n - (chunks - 1) * length
    ends = int(np.flatnonzero(order == chunks - 1)[0]) * length + short
    chunk, at = np.divmod(turns + (length - short) * (turns >= ends), length)
    return np.stack((order[chunk], at))


def _drawn(first: int, last: int, below: int, seed: int) -> Array:
    """Return a position below that number for each update from the first to the last."""
    parts = range(first // AT_ONCE, last // AT_ONCE + 1)
    drawn = [np.random.default_rng([seed, STREAM, part]).integers(0, below, AT_ONCE) for part in parts]
    start = parts[0] * AT_ONCE
    return np.concatenate(drawn)[first - start : last + 1 - start]
