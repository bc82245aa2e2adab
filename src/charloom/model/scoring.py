"""What a text costs a model: reading without learning.

Whoever reads text outside training starts from the state that the model carries, its h. It knows the states that
training came by. A zero state is seldom one of them: from there it may lose itself for hundreds of characters
(benchmarks/lost.md).
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from charloom.base.logarithm import LN2
from charloom.base.pieces import taken_from
from charloom.base.types import Array, Numbers
from charloom.kernel.crew import ALONE
from charloom.kernel.layout import scratch, weights
from charloom.kernel.passes import read
from charloom.network.rnn import Parameters

CHUNK = 100  # characters read at a time
PIECE = 1000 * CHUNK  # characters between two looks at the cost


class Score(NamedTuple):
    """The cost of some ids, each given all before it.

    nats   (n,) of each of them
    total  nats of all of them and of those before, added up a chunk at a time
    h      (m,) the state after reading all but the last
    """

    nats: Array
    total: float
    h: Array


def scores(theta: Parameters, parts: Iterable[Array], h_0: Array) -> Iterator[Score]:
    """Yield the cost of the ids after the first, a piece at a time, read from the state h_0 (m,).

    They come in parts of any length: what is yielded does not depend on these.
    """
    w = weights(theta, -np.inf)
    z = scratch(w, theta.m, theta.K, CHUNK)
    z.h[0, : theta.m] = h_0
    take, total = taken_from(parts), 0.0
    last = take(1)
    while len(more := take(PIECE)):
        ids, nats = np.concatenate((last, more)).astype(np.int64), np.empty(len(more))
        total = read(w, z, ids, CHUNK, theta.m, nats, total, ALONE)
        yield Score(nats, total, z.h[0, : theta.m].copy())
        last = more[-1:]


def score(theta: Parameters, ids: Array, h_0: Array) -> Score:
    """Return the cost of the ids (n,) after the first, read from the state h_0 (m,)."""
    found = [Score(np.empty(0), 0.0, h_0.astype(theta.flat.dtype)), *scores(theta, [ids], h_0)]
    return found[-1]._replace(nats=np.concatenate([each.nats for each in found]))


def bits_per_character(theta: Parameters, ids: Numbers, h_0: Array, most: int | None = None) -> float | None:
    """Return the mean cost, in bits, of a character of the ids (n,) after the first, read from the state h_0 (m,).

    Of the first `most` ids, where that is given. None for fewer than two: there is nothing to predict.
    """
    end, total = len(ids) if most is None else min(len(ids), most), None
    for each in scores(theta, (ids[start : min(start + PIECE, end)] for start in range(0, end, PIECE)), h_0):
        total = each.total
    return None if total is None else total / (end - 1) / LN2
