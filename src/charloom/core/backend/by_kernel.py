"""The backend `kernel`: compiled code, with results of the same bits on every processor. See backends.Backend."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from charloom.core.base.processors import processors
from charloom.core.base.types import Array
from charloom.core.kernel import drawing, passes
from charloom.core.kernel.advance import advance
from charloom.core.kernel.arrays import forward
from charloom.core.kernel.crew import ALONE
from charloom.core.kernel.drawing import Streams, streams
from charloom.core.kernel.layout import ROWS, scratch, weights
from charloom.core.network.rnn import Parameters
from charloom.core.network.state import BLOCK

__all__ = ["advance", "forward", "read", "write"]

CHUNK = 100  # characters read at a time


def read(theta: Parameters, ids: Array, h_0: Array, total: float) -> tuple[Array, float, Array]:
    """Return the costs of ids, `total` plus the sum of the costs, and the last state: see Backend.read."""
    w = weights(theta, -np.inf)
    z = scratch(w, theta.m, theta.K, CHUNK)
    z.h[0, : theta.m] = h_0
    nats = np.empty(len(ids) - 1)
    total = passes.read(w, z, ids.astype(np.int64), CHUNK, theta.m, nats, total, ALONE)
    return nats, total, z.h[0, : theta.m].copy()


def write(
    theta: Parameters, h: Array, x: Array, random: Sequence[np.random.Generator], temperature: float, top_k: int,
    top_p: float,
) -> Iterator[tuple[Array, Array]]:  # fmt: skip
    """Write texts, BLOCK characters at a time: see Backend.write. The number of threads does not change a result."""
    w, dtype = weights(theta, -np.inf), theta.flat.dtype
    warmth = dtype.type(min(temperature, float(np.finfo(dtype).max)))  # in float32 it may round to 0
    S = len(random)
    count = -(-S // processors() // ROWS) * ROWS
    parts = [slice(first, first + count) for first in range(0, S, count)]
    work = [streams(w, h[part], x[part], theta.K) for part in parts]

    def fill(z: Streams, uniform: Array, ids: Array, p: Array) -> None:
        drawing.write(w, z, theta.m, uniform, warmth, top_k, top_p, ids, p)

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
