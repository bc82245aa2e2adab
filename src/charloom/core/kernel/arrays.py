"""The kernel's arithmetic for NumPy arrays: every result has the same bits on every processor.

NumPy's matrix products, exp, log and tanh depend on the processor. Every value in an output file is computed with the
functions here, or with operations whose rounding IEEE 754 defines (+ − × ÷ and square root).
"""

import numpy as np

from charloom.core.base.types import Array
from charloom.core.kernel import elementary, passes
from charloom.core.kernel.cache import compiled
from charloom.core.kernel.crew import ALONE, Crew
from charloom.core.kernel.layout import ROWS, Scratch, Weights, in_panels, scratch, weights, zeros
from charloom.core.kernel.products import ONE, add_product
from charloom.core.network.rnn import Parameters

LANES = 8  # float64 numbers in a vector


def exp(x: Array) -> Array:
    """Return e^x elementwise, float64."""
    return elementary.exp(x.ravel()).reshape(x.shape)  # type: ignore[no-any-return]


def log(x: Array) -> Array:
    """Return the natural logarithm elementwise, float64; −∞ for 0, NaN for negative x."""
    return elementary.log(x.ravel()).reshape(x.shape)  # type: ignore[no-any-return]


def tanh(x: Array) -> Array:
    """Return tanh x elementwise, float64."""
    return elementary.tanh(x.ravel()).reshape(x.shape)  # type: ignore[no-any-return]


def softmax(o: Array) -> Array:
    """Return the probabilities p (n, K) of the outputs o (n, K): softmax of each row, float64."""
    p = exp(o - o.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return p


def product(left: Array, right: Array) -> Array:
    """Return the matrix product (n, m) of left (n, k) and right (k, m), float64. Each sum adds k products in order."""
    (n, k), m = left.shape, right.shape[1]
    columns = -(-m // LANES) * LANES
    out = zeros(n + ROWS, columns, np.float64)
    _add_product(out, zeros(n + ROWS, k, np.float64, left), n, in_panels(k, columns, LANES, right), k)
    return out[:n, :m]


def forward(theta: Parameters, x: Array, h_0: Array) -> tuple[Array, Array]:
    """Return the states h (T + 1, m) and outputs o (T, K) for the characters x (T,), from the state h_0 (m,).

    The equations are those of `rnn.forward`, the bits are the same as in training. The dtype is that of theta.
    """
    T, m, K = len(x), theta.m, theta.K
    w = weights(theta)
    z = scratch(w, m, K, T)
    z.h[0, :m] = h_0
    _forward(w, z, x.astype(np.int64), T, m, ALONE)
    return z.h[: T + 1, :m].copy(), z.o[:T, :K].copy()


@compiled
def _add_product(out: Array, left: Array, rows: int, right: Array, k: int) -> None:
    add_product(out, left, rows, right, k, 0, out.shape[1], ONE)


@compiled
def _forward(w: Weights, z: Scratch, ids: Array, T: int, m: int, crew: Crew) -> None:
    passes.forward(w, z, ids, 0, T, 1, m, crew)
