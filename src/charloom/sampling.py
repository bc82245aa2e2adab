"""The next character, and the one after it."""

from collections.abc import Iterator

import numpy as np

from charloom.rnn import Array, Parameters, forward, log_softmax

CHECKPOINT, BEST, ON_DEMAND = 1, 2, 3  # kinds of sample


def stream(seed: int, kind: int, update: int) -> np.random.Generator:
    """Return a random stream of its own for each sample.

    The kind stands before the update because NumPy ignores trailing zeros: default_rng([seed, 0]) would be
    default_rng(seed), the stream of the initial weights.
    """
    return np.random.default_rng([seed, kind, update])


def characters(theta: Parameters, h: Array, first: int, temperature: float, rng: np.random.Generator) -> Iterator[int]:
    """Yield ids without end, each drawn from softmax(o / temperature) and fed back; `first` is only read."""
    while True:
        states, o = forward(theta, np.array([first]), h)
        h = states[-1]
        cumulative = np.exp(log_softmax(o[0] / temperature)).cumsum()
        # side="right" and the strict total: an id of probability zero is never drawn, nor one beyond the last.
        first = int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))
        yield first


def read(theta: Parameters, ids: Array) -> Array:
    """Return the hidden state (m,) after reading the ids from a zero state."""
    h, _ = forward(theta, ids, np.zeros(theta.m, theta.flat.dtype))
    state: Array = h[-1]
    return state
