"""What a network expected: the likeliest characters at each place of a text."""

from typing import NamedTuple

import numpy as np

from charloom.base.types import Array
from charloom.network.rnn import log_softmax

GUESSES = 5


class Place(NamedTuple):
    """A place in a text: which character came, how likely it was, and the likeliest ones with their probabilities."""

    came: int
    probability: float
    guesses: list[tuple[int, float]]


def expected(o: Array, y: Array) -> list[Place]:
    """Return what was expected at each place, from outputs o (T, K), and what came, y (T,). Of equals the first."""
    p = np.exp(log_softmax(o))
    likeliest = np.argsort(-p, axis=1, kind="stable")[:, :GUESSES]
    return [
        Place(int(came), float(row[came]), [(int(guess), float(row[guess])) for guess in guesses])
        for row, came, guesses in zip(p, y, likeliest, strict=True)
    ]
