"""What a text costs a model: reading without learning.

Whoever reads text outside training starts from the state that the model carries, its h. It knows the states that
training came by. A zero state is none of them: from there it may lose itself for hundreds of characters
(benchmarks/lost.md).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from charloom.base.types import Array
from charloom.kernel.layout import scratch, weights
from charloom.kernel.update import read
from charloom.network.rnn import Parameters

CHUNK = 100  # characters read at a time
PIECE = 1000 * CHUNK  # characters between two reports


class Score(NamedTuple):
    """The cost of ids[1:], each given all before it.

    nats   (n − 1,) of each of them
    total  nats of all of them, added up a chunk at a time
    h      (m,) the state after reading ids[:-1]
    """

    nats: Array
    total: float
    h: Array


def score(theta: Parameters, ids: Array, h_0: Array, report: Callable[[int], None] = lambda _: None) -> Score:
    """Return the cost of the ids (n,) after the first, read from the state h_0 (m,); report how many are done."""
    w = weights(theta, -np.inf)
    z = scratch(w, theta.m, theta.K, CHUNK)
    z.h[0, : theta.m] = h_0
    nats, total = np.empty(max(len(ids) - 1, 0)), 0.0
    for first in range(0, len(nats), PIECE):
        some = slice(first, first + PIECE)
        total = read(w, z, ids[first : first + PIECE + 1], CHUNK, theta.m, nats[some], total)
        report(min(some.stop, len(nats)))
    return Score(nats, total, z.h[0, : theta.m].copy())


def bits_per_character(theta: Parameters, ids: Array, h_0: Array) -> float | None:
    """Return the mean cost, in bits, of a character of the ids (n,) after the first, read from the state h_0 (m,).

    None for fewer than two: there is nothing to predict.
    """
    if len(ids) < 2:
        return None
    return score(theta, ids, h_0).total / (len(ids) - 1) / math.log(2)
