"""In which order a training reads its text: where the sequence of each update starts, and which from a zero state.

    reading    from front to back. The state goes on from one sequence to the next; an epoch starts from zero
    chunks     the text is cut into chunks, read in an order drawn anew for each epoch, each chunk from a zero state
    positions  each sequence starts somewhere, drawn anew for each update, from a zero state

A batch of n reads n sequences an update. What an epoch reads, in its order, is cut into n equal parts, which are read
side by side, each with a state of its own, from zero at the start of an epoch; so an epoch has an n-th of the updates.
What is left over, fewer than n sequences, is not read in that epoch. Of `positions` n are drawn for each update.

What is drawn comes from a stream of its own, by epoch or by update: a training that was stopped draws the same again.
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

    def places(self, update: int, count: int, characters: int, T: int, n: int, seed: int) -> tuple[Array, Array]:
        """Return where in the text each sequence of `count` updates starts, and whether from a zero state.

        Both (count, n), from this update on, in batches of n. Of `characters` numbers in all, those from a start on to
        T after it are read.
        """
        updates = np.arange(update, update + count)
        if self.name == POSITIONS:
            starts = _drawn(update * n, (update + count) * n, characters - T, seed)
            return starts.reshape(count, n), np.ones((count, n), np.bool_)
        S, length = sequences(characters, T), sequences(characters, T) // n
        epochs, at = np.divmod(updates, length)
        turns, zero = at[:, None] + length * np.arange(n), np.repeat(at[:, None] == 0, n, axis=1)
        if self.name == READING:
            return turns * T, zero
        of_chunk = min(self.chunk_length // T, S)
        each = np.split(turns, np.flatnonzero(np.diff(epochs)) + 1)
        found = [_chunks(own, S, of_chunk, [seed, STREAM, epochs[0] + k]) for k, own in enumerate(each)]
        chunk, at = np.concatenate(found, axis=1)
        return (chunk * of_chunk + at) * T, zero | (at == 0)


AS_IT_STANDS = Order(READING)


def sequences(characters: int, T: int) -> int:
    """Return the number of sequences in a text, hence of updates in an epoch without batches."""
    return (characters - 1) // T


def _chunks(turns: Array, n: int, length: int, stream: list[int]) -> Array:
    """Return the chunk that is read at each turn of an epoch of n, and which sequence of its `length`; (2, …turns).

    The last chunk of the text may be shorter. Turns after it count as if it were not.
    """
    chunks = -(-n // length)
    order, short = np.random.default_rng(stream).permutation(chunks), n - (chunks - 1) * length
    ends = int(np.flatnonzero(order == chunks - 1)[0]) * length + short
    chunk, at = np.divmod(turns + (length - short) * (turns >= ends), length)
    return np.stack((order[chunk], at))


def _drawn(first: int, end: int, below: int, seed: int) -> Array:
    """Return a position below that number for each sequence of the training from the first to that before `end`."""
    parts = range(first // AT_ONCE, (end - 1) // AT_ONCE + 1)
    drawn = [np.random.default_rng([seed, STREAM, part]).integers(0, below, AT_ONCE) for part in parts]
    start = parts[0] * AT_ONCE
    return np.concatenate(drawn)[first - start : end - start]
