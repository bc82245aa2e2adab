"""The update once more, in ordinary loops over the arrays of rnn.py: the same bits as the kernel's, and easier to read.

It stands between the equations (network/) and the fast kernel. A batch of n sequences has n rows for each character,
those of the first characters first. What it adds to the equations is the order of each sum, since another order rounds
differently:

    W h and Wᵀ d     by j upwards at even steps, downwards at odd ones
    softmax          a sum for each lane of a 64-byte vector (every eighth float64, every sixteenth float32), then these
    all others       by j, k or t upwards, from 0

An update takes two and a half times as long as by the fast kernel in float64, three and a half times in float32
(m = 100, K = 83, T = 25), as `python benchmarks/plain.py` measures. That is why vector.py and products.py exist. No
stage imports this file; the tests hold the kernel to it, bit for bit.
"""

from typing import Any

import numpy as np
from numba import njit

from charloom.base.types import Array
from charloom.kernel.cache import COMPILED, compiled
from charloom.kernel.elementary import exp, log, tanh
from charloom.network.recipe import Kept, Recipe
from charloom.network.rnn import NAMES, Parameters, filled


def update(
    theta: Parameters, kept: Kept, x: Array, y: Array, h_0: Array, recipe: Recipe, number: int
) -> tuple[float, Array]:
    """Return the mean loss of n sequences in nats, and their last states (n, m); move theta and what is kept by a step.

    x, y (T, n) are the characters read and those that follow them, h_0 (n, m) are the states carried in. The step comes
    after `number` others. It is that of the equations: NumPy does it number by number, so there is no order to fix.
    """
    gradients = filled(0.0, theta.m, theta.K, theta.flat.dtype)
    weights, sums = _matrices(theta), _matrices(gradients)
    h, o = _forward(weights, x.ravel(), h_0)
    loss, g = _softmax(o, y.ravel())
    g *= g.dtype.type(recipe.scale)
    _backward(weights, sums, x.ravel(), h, g, len(h_0))
    recipe.step(theta, kept, gradients, number)
    return loss / len(h_0), h[-len(h_0) :]


def _matrices(theta: Parameters) -> tuple[Array, ...]:
    """Return W, U, V, b and c."""
    return tuple(getattr(theta, name) for name in NAMES)


@njit(**COMPILED)
def _order(step: int, n: int) -> range:
    """Return 0 to n − 1 at even steps, n − 1 to 0 at odd ones."""
    return range(n - 1, -1, -1) if step % 2 else range(0, n, 1)


@compiled
def _forward(weights: Any, x: Array, h_0: Array) -> tuple[Array, Array]:
    """h[t + n] = tanh(W h[t] + U x_t + b);  o[t] = V h[t + n] + c."""
    W, U, V, b, c = weights
    (K, m), rows, n = V.shape, len(x), len(h_0)
    WT, VT = W.T.copy(), V.T.copy()  # so that an inner loop runs along a row
    h, o = np.empty((rows + n, m), b.dtype), np.empty((rows, K), b.dtype)
    h[:n] = h_0
    for t in range(rows):
        a, output = U[:, x[t]] + b, c.copy()
        for j in _order(t // n, m):
            for i in range(m):
                a[i] += WT[j, i] * h[t, j]
        h[t + n] = tanh(a)
        for j in range(m):
            for k in range(K):
                output[k] += VT[j, k] * h[t + n, j]
        o[t] = output
    return h, o


@compiled
def _softmax(o: Array, y: Array) -> tuple[float, Array]:
    """p = softmax(o);  loss = Σ_t −log p[t, y_t];  g[t] = p[t] − onehot(y_t). Return loss and g."""
    T, K = o.shape
    one, lanes = o.dtype.type(1), 64 // o.itemsize  # 1 alone, a whole number, would make float64 of float32
    g, totals, loss = np.empty_like(o), np.empty(T), 0.0
    for t in range(T):
        largest = o[t].max()
        e, by_lane = exp(o[t] - largest), np.zeros(lanes, o.dtype)
        for k in range(K):
            by_lane[k % lanes] += e[k]
        total = by_lane.cumsum()[-1]  # by_lane.sum() would add up in another order
        g[t] = e * (one / total)
        g[t, y[t]] -= one
        loss += float(largest - o[t, y[t]])
        totals[t] = total
    for log_total in log(totals):
        loss += log_total
    return loss, g


@compiled
def _backward(weights: Any, gradients: Any, x: Array, h: Array, g: Array, n: int) -> None:
    """d[t] = (Vᵀ g[t] + Wᵀ d[t + n]) ⊙ (1 − h[t + n]²), and into `gradients`, zeros before:

    W: Σ d[t] h[t]ᵀ   U: Σ d[t] x_tᵀ   V: Σ g[t] h[t + n]ᵀ   b: Σ d[t]   c: Σ g[t]
    """
    (W, _U, V, b, _c), (gW, gU, gV, gb, gc) = weights, gradients
    (K, m), rows, one = V.shape, len(x), b.dtype.type(1)
    d = np.zeros_like(h)
    for t in range(rows - 1, -1, -1):
        a = np.zeros_like(b)
        for k in range(K):
            for i in range(m):
                a[i] += V[k, i] * g[t, k]
        for j in _order(t // n + 1, m):
            for i in range(m):
                a[i] += W[j, i] * d[t + n, j]
        d[t] = a * (one - h[t + n] * h[t + n])
    for t in range(rows):
        for i in range(m):
            for j in range(m):
                gW[i, j] += d[t, i] * h[t, j]
        for k in range(K):
            for j in range(m):
                gV[k, j] += g[t, k] * h[t + n, j]
        gU[:, x[t]] += d[t]
        gb += d[t]
        gc += g[t]
