"""Writing: what is drawn how, and one text or many, a block of characters at a time."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from charloom.base.processors import processors
from charloom.base.types import Array
from charloom.kernel.drawing import Streams, streams, write
from charloom.kernel.layout import ROWS, weights
from charloom.network.rnn import Parameters

CHECKPOINT, BEST, ON_DEMAND = 1, 2, 3  # kinds of sample
BLOCK = 256  # characters of each text at a time


@dataclass(frozen=True)
class Choice:
    """Which characters are drawn: from softmax(o / temperature), of the top_k likeliest, of the fewest with top_p.

    In this order; a nucleus is one of what top_k has left. temperature 0 takes the likeliest, the first of equals;
    top_k 0 and top_p 1 leave all. Source: A. Holtzman and others, "The Curious Case of Neural Text Degeneration"
    (2020).
    """

    temperature: float
    top_k: int = 0
    top_p: float = 1.0


def random_stream(seed: int, kind: int, update: int, number: int = 0) -> np.random.Generator:
    """Return a random stream of its own for each sample; of many at once, number 0 is the one that is alone.

    The kind stands before the update because NumPy ignores trailing zeros: default_rng([seed, 0]) would be
    default_rng(seed), the stream of the initial weights.
    """
    return np.random.default_rng([seed, kind, update, number])


def blocks(
    theta: Parameters, h: Array, x: Array, random: Sequence[np.random.Generator], choice: Choice
) -> Iterator[tuple[Array, Array]]:
    """Yield BLOCK ids and their probabilities, (S, BLOCK) each, without end, of S texts.

    h (S, m) are the states from which they go on, x (S,) the ids that they read first, `random` a stream for each.
    A probability is that of softmax(o), whatever the choice. The texts are shared out among the processors.
    """
    w, dtype = weights(theta, -np.inf), theta.flat.dtype
    temperature = dtype.type(min(choice.temperature, float(np.finfo(dtype).max)))  # in float32 it may be 0 now
    S = len(random)
    each = -(-S // processors() // ROWS) * ROWS
    parts = [slice(first, first + each) for first in range(0, S, each)]
    work = [streams(w, h[part], x[part], theta.K) for part in parts]

    def fill(z: Streams, uniform: Array, ids: Array, p: Array) -> None:
        write(w, z, theta.m, uniform, temperature, choice.top_k, choice.top_p, ids, p)

    while True:
        uniform = np.stack([one.random(BLOCK) for one in random])
        ids, p = np.empty((S, BLOCK), np.int64), np.empty((S, BLOCK))
        shares = [(z, uniform[part], ids[part], p[part]) for z, part in zip(work, parts, strict=True)]
        if len(shares) == 1:
            fill(*shares[0])
        else:
            with ThreadPoolExecutor(len(shares)) as pool:
                list(pool.map(fill, *zip(*shares, strict=True)))
        yield ids, p


def characters(theta: Parameters, h: Array, first: int, choice: Choice, random: np.random.Generator) -> Iterator[int]:
    """Yield the ids of one text without end, from the state h (m,), in which `first` is read first."""
    for ids, _ in blocks(theta, h[None], np.array([first]), [random], choice):
        yield from ids[0].tolist()
