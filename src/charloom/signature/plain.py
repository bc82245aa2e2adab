"""The update in plain loops over the arrays of rnn.py: the same bits as the kernel's, and easier to read.

This file is between the equations (network/) and the fast kernel. A batch of n sequences has n rows for each character:
first the n first characters, then the n second ones. To the equations it adds the order of additions of each sum,
because another order rounds differently:

    W h and Wᵀ d     over j upwards at even steps, downwards at odd ones
    softmax          a sum per lane of a 64-byte vector (every eighth float64, every sixteenth float32), then over lanes
    all others       over j, k or t upwards, from 0

An update takes 2.5 times as long as in the fast kernel in float64, 3.5 times in float32 (m = 100, K = 83, T = 25;
`python benchmarks/plain.py`). That is why vector.py and products.py exist. No stage imports this file; tests compare
the kernel with it bit for bit.
"""

from typing import Any

import numpy as np
from numba import njit

from charloom.core.base.types import Array
from charloom.core.kernel.cache import COMPILED, compiled
from charloom.core.kernel.elementary import exp, log, tanh
from charloom.core.network.recipe import Accumulators, Recipe
from charloom.core.network.rnn import NAMES, Parameters, filled


def update(
    theta: Parameters, accumulators: Accumulators, x: Array, y: Array, h_0: Array, recipe: Recipe, number: int
) -> tuple[float, Array]:
    """Update theta and the accumulators in place; return the mean loss of n sequences in nats and their last states.

    x, y (T, n)  ids of the input and target characters, a column for each sequence
    h_0 (n, m)   states before the sequences; the returned states are (n, m) too
    number       updates before this one

    The optimiser's step is `Recipe.step`: NumPy computes it elementwise, so it needs no order of additions.
    """
    gradients = filled(0.0, theta.m, theta.K, theta.flat.dtype)
    weights, sums = _matrices(theta), _matrices(gradients)
    h, o = _forward(weights, x.ravel(), h_0)
    loss, g = _softmax(o, y.ravel())
    g *= g.dtype.type(recipe.scale)
    _backward(weights, sums, x.ravel(), h, g, len(h_0))
    recipe.step(theta, accumulators, gradients, number)
    return loss / len(h_0), h[-len(h_0) :]


def _matrices(theta: Parameters) -> tuple[Array, ...]:
    """Return W, U, V, b and c as a tuple, for compiled code."""
    return tuple(getattr(theta, name) for name in NAMES)


@njit(**COMPILED)
def _order(step: int, n: int) -> range:
    """Return the range 0 to n − 1 for an even step, n − 1 to 0 for an odd one."""
    return range(n - 1, -1, -1) if step % 2 else range(0, n, 1)


@compiled
def _forward(weights: Any, x: Array, h_0: Array) -> tuple[Array, Array]:
    """Return h (T·n + n, m) and o (T·n, K) for the ids x (T·n,), from the states h_0 (n, m).

    h[t + n] = tanh(W h[t] + U x_t + b);  o[t] = V h[t + n] + c
    """
    W, U, V, b, c = weights
    (K, m), rows, n = V.shape, len(x), len(h_0)
    WT, VT = W.T.copy(), V.T.copy()  # so that the inner loops run along rows
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
    """Return the loss in nats and its gradient g by the outputs o, for the targets y.

    p = softmax(o);  loss = Σ_t −log p[t, y_t];  g[t] = p[t] − onehot(y_t)
    """
    T, K = o.shape
    one, lanes = o.dtype.type(1), 64 // o.itemsize  # an integer 1 would convert float32 to float64
    g, totals, loss = np.empty_like(o), np.empty(T), 0.0
    for t in range(T):
        largest = o[t].max()
        e, by_lane = exp(o[t] - largest), np.zeros(lanes, o.dtype)
        for k in range(K):
            by_lane[k % lanes] += e[k]
        total = by_lane.cumsum()[-1]  # by_lane.sum() adds in another order
        g[t] = e * (one / total)
        g[t, y[t]] -= one
        loss += float(largest - o[t, y[t]])
        totals[t] = total
    for log_total in log(totals):
        loss += log_total
    return loss, g


@compiled
def _backward(weights: Any, gradients: Any, x: Array, h: Array, g: Array, n: int) -> None:
    """Compute d[t] = (Vᵀ g[t] + Wᵀ d[t + n]) ⊙ (1 − h[t + n]²), and add to `gradients`, which must be zero before:

    W: Σ d[t] h[t]ᵀ   U: Σ d[t] x_tᵀ   V: Σ g[t] h[t + n]ᵀ   b: Σ d[t]   c: Σ g[t]

    x (T·n,) and h (T·n + n, m) are those of `_forward`, for n sequences; g (T·n, K) is the gradient by the outputs o.
    d is 0 after the last row of x.
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
