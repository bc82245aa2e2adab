"""Writing one or many texts with a model, BLOCK characters at a time."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from charloom.core.base.processors import processors
from charloom.core.base.types import Array
from charloom.core.kernel.drawing import Streams, streams, write
from charloom.core.kernel.layout import ROWS, weights
from charloom.core.network.rnn import Parameters

CHECKPOINT, BEST, ON_DEMAND = 1, 2, 3  # kinds of sample, part of the seed of their random streams
BLOCK = 256  # characters of a text written at a time


@dataclass(frozen=True)
class Choice:
    """The sampling method: softmax(o / temperature), then the top_k likeliest characters, then nucleus sampling.

    temperature  0 takes the likeliest character, and the first of several equally likely ones
    top_k        number of the likeliest characters that may be drawn; 0 allows all characters
    top_p        share of the probability of these characters: only the fewest likeliest ones that together have this
                 share may be drawn (the nucleus); 1 allows all of them

    Source: A. Holtzman et al., "The Curious Case of Neural Text Degeneration" (2020).
    """

    temperature: float
    top_k: int = 0
    top_p: float = 1.0


def random_stream(seed: int, kind: int, update: int, number: int = 0) -> np.random.Generator:
    """Return the random stream of one sample.

    kind    CHECKPOINT, BEST or ON_DEMAND
    update  number of updates of the model
    number  index of the sample in its request, from 0

    The kind precedes the update because NumPy ignores trailing zeros: default_rng([seed, 0]) equals default_rng(seed),
    the stream of the initial weights.
    """
    return np.random.default_rng([seed, kind, update, number])


def blocks(
    theta: Parameters, h: Array, x: Array, random: Sequence[np.random.Generator], choice: Choice
) -> Iterator[tuple[Array, Array]]:
    """Write S texts without end; yield the next BLOCK ids and their probabilities, both (S, BLOCK).

    h (S, m)  initial states
    x (S,)    ids to read first; they are not yielded
    random    a random stream for each text

    Probabilities are those in softmax(o), before temperature, top_k and top_p are applied. Several threads share the
    texts; the result does not depend on their number.
    """
    w, dtype = weights(theta, -np.inf), theta.flat.dtype
    temperature = dtype.type(min(choice.temperature, float(np.finfo(dtype).max)))  # in float32 it may round to 0
    S = len(random)
    count = -(-S // processors() // ROWS) * ROWS
    parts = [slice(first, first + count) for first in range(0, S, count)]
    work = [streams(w, h[part], x[part], theta.K) for part in parts]

    def fill(z: Streams, uniform: Array, ids: Array, p: Array) -> None:
        write(w, z, theta.m, uniform, temperature, choice.top_k, choice.top_p, ids, p)

    while True:
        uniform = np.stack([stream.random(BLOCK) for stream in random])
        ids, p = np.empty((S, BLOCK), np.int64), np.empty((S, BLOCK))
        shares = [(z, uniform[part], ids[part], p[part]) for z, part in zip(work, parts, strict=True)]
        if len(shares) == 1:
            fill(*shares[0])
        else:
            with ThreadPoolExecutor(len(shares)) as pool:
                list(pool.map(fill, *zip(*shares, strict=True)))
        yield ids, p


def characters(theta: Parameters, h: Array, first: int, choice: Choice, random: np.random.Generator) -> Iterator[int]:
    """Yield the ids of one text without end, after the id `first`, which the model reads from the state h (m,)."""
    for ids, _ in blocks(theta, h[None], np.array([first]), [random], choice):
        yield from ids[0].tolist()
