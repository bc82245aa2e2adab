"""A vanilla character-level RNN: its equations, loss and gradients.

    a_t = W h_{t-1} + U x_t + b        x_t: one-hot, so U x_t is a column of U
    h_t = tanh(a_t)
    o_t = V h_t + c
    p_t = softmax(o_t)
    loss = Σ_t −log p_t[y_t]           nats, a sum over the sequence; seq_length · log K for a uniform guess

Shapes in the whole project: m hidden units, K characters, T = seq_length.

    W (m, m)   U (m, K)   V (K, m)   b (m,)   c (K,)
    x, y (T,)  ids of the input characters, and of the characters that follow them
    h (T + 1, m)  h[0] is the state carried in, h[t + 1] the state after x[t]
    o, p (T, K)

Source: KTH DD2424, assignment 4; A. Karpathy, "The Unreasonable Effectiveness of RNNs" (2015).
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from charloom.core.base.types import Array
from charloom.core.network.normal import standard_normal

NAMES = ("W", "U", "V", "b", "c")
SATURATED = 0.99  # |h| above which a unit passes on less than a fiftieth of a gradient


@dataclass(frozen=True, eq=False)
class Parameters:
    """The parameters W, U, V, b and c: views of one flat vector, in that order.

    Gradients and an optimiser's accumulators have this type too, so an optimiser's step works on `flat` only.
    """

    flat: Array
    m: int
    K: int
    W: Array = field(init=False)  # hidden to hidden
    U: Array = field(init=False)  # character to hidden
    V: Array = field(init=False)  # hidden to output
    b: Array = field(init=False)  # the hidden bias
    c: Array = field(init=False)  # the output bias

    def __post_init__(self) -> None:
        """Create the views. Raises ValueError if flat does not have m·m + 2·m·K + m + K entries."""
        if self.flat.shape != (size(self.m, self.K),):
            raise ValueError(f"flat has shape {self.flat.shape}, not ({size(self.m, self.K)},)")
        start = 0
        for name, shape in shapes(self.m, self.K).items():
            end = start + math.prod(shape)
            object.__setattr__(self, name, self.flat[start:end].reshape(shape))
            start = end


Gradients = Parameters


def size(m: int, K: int) -> int:
    """Return the number of parameters: m·m + 2·m·K + m + K."""
    return sum(map(math.prod, shapes(m, K).values()))


def shapes(m: int, K: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of W, U, V, b and c by name."""
    return {"W": (m, m), "U": (m, K), "V": (K, m), "b": (m,), "c": (K,)}


def filled(value: float, m: int, K: int, dtype: Any = np.float64) -> Parameters:
    """Return Parameters for m hidden units and K characters, with `value` in every entry."""
    return Parameters(np.full(size(m, K), value, dtype), m, K)


def deviations(m: int, K: int, sigma: float | str) -> dict[str, float]:
    """Return the standard deviations of the initial W, U and V by name. If sigma is a number, all are equal to sigma.

    If sigma is "fan_in", they are 1/√(2m) for W, 1/√(2K) for U and 1/√m for V, as in KTH's assignment of 2025.
    """
    if isinstance(sigma, str):
        return {"W": 1 / math.sqrt(2 * m), "U": 1 / math.sqrt(2 * K), "V": 1 / math.sqrt(m)}
    return dict.fromkeys("WUV", sigma)


def init(m: int, K: int, sigma: float | str, rng: np.random.Generator) -> Parameters:
    """Return initial weights: W, U and V normal with their `deviations`, drawn in this order; b = c = 0.

    rng  must not be used afterwards: see standard_normal
    """
    theta = filled(0.0, m, K)
    drawn = theta.flat[: -m - K]  # W, U and V
    drawn[:] = standard_normal(rng, drawn.size)
    for name, deviation in deviations(m, K, sigma).items():
        getattr(theta, name)[:] *= deviation
    drawn += 0.0  # no −0.0, as in Generator.normal
    return theta


def forward(theta: Parameters, x: Array, h_0: Array) -> tuple[Array, Array]:
    """Return the states h (T + 1, m) and outputs o (T, K) for the characters x (T,), from the state h_0 (m,)."""
    inputs = theta.U.T[x] + theta.b
    h = np.empty((len(x) + 1, theta.m), theta.flat.dtype)
    h[0] = h_0
    for t, a in enumerate(h[1:]):  # a is h[t + 1], written in place: no allocation in the recurrence
        np.dot(theta.W, h[t], out=a)
        a += inputs[t]
        np.tanh(a, out=a)
    return h, h[1:] @ theta.V.T + theta.c


def log_softmax(o: Array) -> Array:
    """Return log softmax of each row of o (T, K). The row's maximum is subtracted first, so exp cannot overflow."""
    shifted: Array = o - o.max(axis=-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted


def loss_and_gradients(theta: Parameters, x: Array, y: Array, h_0: Array) -> tuple[float, Gradients, Array]:
    """Return the loss in nats, the gradients of the loss before clipping, and the last hidden state (m,).

    The characters x (T,) are read from the state h_0 (m,), and y (T,) are the targets. The gradients are computed by
    backpropagation through time, with g = ∂loss/∂o and d = ∂loss/∂a:

        g_t = p_t − onehot(y_t)                              V: Σ g_t h_tᵀ    c: Σ g_t
        d_t = (Vᵀ g_t + Wᵀ d_{t+1}) ⊙ (1 − h_t²)             W: Σ d_t h_{t-1}ᵀ   U: Σ d_t x_tᵀ   b: Σ d_t
    """
    h, o = forward(theta, x, h_0)
    steps = np.arange(len(x))
    log_p = log_softmax(o)
    loss = -log_p[steps, y].sum()

    g = np.exp(log_p)
    g[steps, y] -= 1

    d = g @ theta.V
    slope = 1 - h[1:] ** 2
    d[-1] *= slope[-1]
    carried = np.empty_like(d[0])
    for t in range(len(x) - 2, -1, -1):
        d[t] += np.dot(d[t + 1], theta.W, out=carried)
        d[t] *= slope[t]

    gradients = Parameters(np.empty_like(theta.flat), theta.m, theta.K)
    np.matmul(d.T, h[:-1], out=gradients.W)
    np.matmul(g.T, h[1:], out=gradients.V)
    # A product with the one-hot matrix, because `+=` with an index array counts a repeated character once.
    onehot = np.zeros((len(x), theta.K), theta.flat.dtype)
    onehot[steps, x] = 1
    np.matmul(d.T, onehot, out=gradients.U)
    np.sum(d, axis=0, out=gradients.b)
    np.sum(g, axis=0, out=gradients.c)
    return float(loss), gradients, h[-1]
