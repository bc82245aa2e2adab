"""The cost of a text under a model, in nats or bits per character, without learning.

Outside training a text is read from the state h in the model's file, not from a zero state. A training that reads the
text in order rarely visits a zero state, and after a zero state a model may predict badly for hundreds of characters
(docs/log.md).
"""

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from charloom.core.backend.backends import BACKENDS
from charloom.core.base.array_file import reader
from charloom.core.base.types import Array
from charloom.core.config.records import PASSAGES
from charloom.core.network.logarithm import LN2
from charloom.core.network.rnn import Parameters

PIECE = 100_000  # characters of a yielded Score
DIGITS = 6  # decimals of a passage's cost


class Score(NamedTuple):
    """The cost of n ids. A model predicts an id from all ids before it.

    nats   (n,) the cost −log p of each id, in nats
    total  sum of the costs of the n ids and of all ids before them, in nats
    h      (m,) state after reading all ids but the last
    """

    nats: Array
    total: float
    h: Array


def scores(theta: Parameters, parts: Iterable[Array], h_0: Array, backend: str) -> Iterator[Score]:
    """Yield the cost of all ids except the first, PIECE ids at a time, read from the state h_0 (m,).

    parts    consecutive arrays of ids; the result does not depend on their lengths
    backend  name of the code that computes with the network: see backends.py; so in all functions of this module

    Yields nothing for fewer than two ids.
    """
    take, total, h = reader(parts), 0.0, h_0
    last = take(1)
    while len(more := take(PIECE)):
        nats, total, h = BACKENDS[backend].read(theta, np.concatenate((last, more)), h, total)
        yield Score(nats, total, h)
        last = more[-1:]


def score(theta: Parameters, ids: Array, h_0: Array, backend: str) -> Score:
    """Return the cost of all ids (n,) except the first, read from the state h_0 (m,).

    For fewer than two ids the result has no costs, the total 0 and the state h_0.
    """
    pieces = [Score(np.empty(0), 0.0, h_0.astype(theta.flat.dtype)), *scores(theta, [ids], h_0, backend)]
    return pieces[-1]._replace(nats=np.concatenate([piece.nats for piece in pieces]))


def bits_per_character(
    theta: Parameters, ids: Array, h_0: Array, backend: str, limit: int | None = None
) -> float | None:
    """Return the mean cost, in bits, of all ids (n,) except the first, read from the state h_0 (m,).

    limit  number of ids to read from the start; None reads all

    Returns None if fewer than two ids are read, because there is nothing to predict.
    """
    end, total = len(ids) if limit is None else min(len(ids), limit), None
    parts = (ids[start : min(start + PIECE, end)] for start in range(0, end, PIECE))
    for piece in scores(theta, parts, h_0, backend):
        total = piece.total
    return None if total is None else total / (end - 1) / LN2


def passages(theta: Parameters, ids: Array, h_0: Array, backend: str) -> tuple[float, ...]:
    """Return the mean cost, in bits per character, of each of PASSAGES consecutive parts of the ids (n,).

    The ids are read from the state h_0 (m,), and all except the first are predicted. The lengths of the parts differ by
    at most one character. Costs are rounded to DIGITS decimals. Returns () if fewer than PASSAGES ids are predicted.
    """
    nats = score(theta, ids, h_0, backend).nats
    bounds = [len(nats) * part // PASSAGES for part in range(PASSAGES + 1)]
    parts = [nats[start:end] for start, end in pairwise(bounds)] if len(nats) >= PASSAGES else []
    return tuple(round(math.fsum(part) / len(part) / LN2, DIGITS) for part in parts)
