"""The next character, and the one after it."""

from collections.abc import Iterator

import numpy as np

from charloom.kernel import probabilities, read
from charloom.layout import scratch, weights, width
from charloom.rnn import Array, Parameters
from charloom.training import CHUNK

CHECKPOINT, BEST, ON_DEMAND = 1, 2, 3  # kinds of sample


def stream(seed: int, kind: int, update: int) -> np.random.Generator:
    """Return a random stream of its own for each sample.

    The kind stands before the update because NumPy ignores trailing zeros: default_rng([seed, 0]) would be
    default_rng(seed), the stream of the initial weights.
    """
    return np.random.default_rng([seed, kind, update])


def characters(theta: Parameters, h: Array, first: int, temperature: float, rng: np.random.Generator) -> Iterator[int]:
    """Yield ids without end, each drawn from softmax(o / temperature) and fed back; `first` is only read."""
    w = weights(theta, -np.inf)
    z = scratch(w, theta.m, theta.K, 1)
    z.h[0, : theta.m] = h
    ids, number = np.array([first, 0]), theta.flat.dtype.type(temperature)
    while True:
        probabilities(w, z, ids, theta.m, number, width(w))
        cumulative = np.cumsum(z.o[0, : theta.K], dtype=np.float64)
        # side="right" and the strict total: an id of probability zero is never drawn, nor one beyond the last.
        ids[0] = np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")
        yield int(ids[0])


def state_after(theta: Parameters, ids: Array) -> Array:
    """Return the hidden state (m,) after reading the ids from a zero state."""
    w = weights(theta, -np.inf)
    z = scratch(w, theta.m, theta.K, CHUNK)
    read(w, z, np.append(ids, ids[-1:]), CHUNK, theta.m, width(w))
    return z.h[0, : theta.m].copy()
