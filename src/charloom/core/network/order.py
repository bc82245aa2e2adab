"""The order in which a training reads its text: where each sequence starts, and from which hidden state.

    reading    the text is read from front to back. The first sequence of an epoch starts from a zero state. Any other
               sequence starts from the last state of the sequence before it
    chunks     the text is cut into chunks, which are read in a random order, drawn for each epoch. The first sequence
               of a chunk starts from a zero state
    positions  each sequence starts at a random position, from a zero state

With batch n an update reads n sequences. The sequences of an epoch, in their order, are divided into n equal parts.
The parts are read in parallel, each with its own state, which is zero at the start of each epoch. So an epoch has
1/n as many updates. A remainder of fewer than n sequences is not read in that epoch. `positions` draws n starts for an
update.

The random stream depends on the seed and the epoch or update only, so a resumed training draws the same numbers.
"""

from typing import NamedTuple

import numpy as np

from charloom.core.base.types import Array

READING, CHUNKS, POSITIONS = "reading", "chunks", "positions"
STREAM = 5  # identifies this stream: other streams of the same seed have other numbers
AT_ONCE = 1000  # positions drawn from one stream


class Order(NamedTuple):
    """An order in which a training reads its text: see the docstring of this module.

    name          READING, CHUNKS or POSITIONS
    chunk_length  characters of a chunk, at least seq_length, rounded down to whole sequences; used only by CHUNKS
    """

    name: str
    chunk_length: int = 0

    def places(self, update: int, count: int, characters: int, T: int, n: int, seed: int) -> tuple[Array, Array]:
        """Return where in the text each sequence starts, and whether its first state is zero: both (count, n).

        The sequences are those of `count` updates from number `update` on, n in each update. The text has `characters`
        characters. A sequence covers T + 1 of them: T inputs, each with the next character as its target.
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
        by_epoch = np.split(turns, np.flatnonzero(np.diff(epochs)) + 1)
        places = [_chunks(turns, S, of_chunk, [seed, STREAM, epochs[0] + k]) for k, turns in enumerate(by_epoch)]
        chunk, at = np.concatenate(places, axis=1)
        return (chunk * of_chunk + at) * T, zero | (at == 0)


AS_IT_STANDS = Order(READING)


def sequences(characters: int, T: int) -> int:
    """Return the number of sequences of T characters, each with a following character, in a text of `characters`.

    It is the number of updates in an epoch with batch 1.
    """
    return (characters - 1) // T


def _chunks(turns: Array, n: int, length: int, stream: list[int]) -> Array:
    """Return the chunk of each turn, and the place of the turn's sequence in the chunk, as indices (2, *turns.shape).

    turns   sequences, as numbers from 0 to n − 1 in the order in which the epoch reads them
    n       sequences in the text
    length  sequences in a chunk; the text's last chunk may have fewer, so the turns after it are shifted
    stream  seed of the random order of the chunks
    """
    chunks = -(-n // length)
    order, short = np.random.default_rng(stream).permutation(chunks), n - (chunks - 1) * length
    ends = int(np.flatnonzero(order == chunks - 1)[0]) * length + short
    chunk, at = np.divmod(turns + (length - short) * (turns >= ends), length)
    return np.stack((order[chunk], at))


def _drawn(first: int, end: int, below: int, seed: int) -> Array:
    """Return random starts, from 0 to `below` − 1, of the sequences number `first` to `end` − 1 of a training."""
    parts = range(first // AT_ONCE, (end - 1) // AT_ONCE + 1)
    drawn = [np.random.default_rng([seed, STREAM, part]).integers(0, below, AT_ONCE) for part in parts]
    start = parts[0] * AT_ONCE
    return np.concatenate(drawn)[first - start : end - start]
