"""Two numerical gradients of the loss, and how far an analytic one is from them.

    complex step          ∂L/∂θ ≈ Im L(θ + ih) / h                    no subtraction: exact to rounding at h = 1e-100
    central differences   ∂L/∂θ ≈ (L(θ + h) − L(θ − h)) / 2h          what course reports use

`costs` states the loss a second time, for many perturbed entries at once and for complex numbers; it
shares no line with `rnn.loss_and_gradients`, so that neither can hide a mistake of the other.

With large weights a network is chaotic: two right ways to compute its states round differently, and after some dozens
of characters they have nothing in common. A gradient belongs to the states along which it was computed. So the complex
step follows these, and `state_error` checks them, each from the one before.

Source: W. Squire, G. Trapp, "Using Complex Variables to Estimate Derivatives" (SIAM Review 40, 1998).
"""

from collections.abc import Iterator

import numpy as np

from charloom.base.types import Array
from charloom.network.rnn import Parameters

COMPLEX_STEP = 1e-100


def costs(
    theta: Parameters, name: str, entries: Array, step: complex, x: Array, y: Array, states: Array, *, follow: bool
) -> Iterator[Array]:
    """Yield of each character its part (B,) of the loss, in nats, with `step` added to one entry of theta's `name`.

    states (T + 1, m) is what the sequence starts from, states[0]; to `follow` is to take the real parts of the others
    too, which an imaginary step leaves as they are.
    `entries` (B,) are indices into the raveled matrix. The states of all B networks stand side by side as
    columns, so that one product serves them all; the moved entry acts on its own row of its own column.
    """
    shape = getattr(theta, name).shape
    row, column = np.unravel_index(entries, shape) if len(shape) == 2 else (entries, entries)
    network = np.arange(len(entries))
    dtype = np.result_type(type(step), np.float64)
    h = np.repeat(states[0].astype(dtype)[:, None], len(entries), axis=1)
    for now, following, state in zip(x, y, states[1:], strict=True):
        a = _product(theta.W, h) + (theta.U[:, now] + theta.b)[:, None]
        if name == "W":
            a[row, network] += step * h[column, network]
        elif name == "U":
            a[row, network] += step * (column == now)
        elif name == "b":
            a[row, network] += step
        h = np.tanh(a)
        if follow:
            h.real = state[:, None]
        o = _product(theta.V, h) + theta.c[:, None]
        if name == "V":
            o[row, network] += step * h[column, network]
        elif name == "c":
            o[row, network] += step
        o -= o.real.max(axis=0)  # a constant per network, gone in the difference: exp cannot overflow
        yield np.log(np.exp(o).sum(axis=0)) - o[following]


def _product(matrix: Array, columns: Array) -> Array:
    """Return matrix @ columns; a complex column is two real ones, which halves the work of a cast matrix."""
    return (matrix @ columns.view(np.float64)).view(columns.dtype)


def complex_step(
    theta: Parameters, name: str, entries: Array, x: Array, y: Array, states: Array
) -> tuple[Array, Array]:
    """Return ∂loss/∂(entry) (B,) by the complex step along the states (T + 1, m), and the sizes of its parts added up.

    Each character's loss has a part in the derivative. Where parts cancel, their digits are gone from the sum, in every
    right gradient: it is exact to rounding, about 1e-13, of the sizes (B,), not of itself.
    """
    derivative, sizes = np.zeros(len(entries)), np.zeros(len(entries))
    for cost in costs(theta, name, entries, COMPLEX_STEP * 1j, x, y, states, follow=True):
        derivative += cost.imag / COMPLEX_STEP
        sizes += abs(cost.imag) / COMPLEX_STEP
    return derivative, sizes


def state_error(theta: Parameters, x: Array, states: Array) -> float:
    """Return the largest |h_t − tanh(W h_{t−1} + U x_t + b)| over the states (T + 1, m)."""
    a = states[:-1] @ theta.W.T + theta.U.T[x] + theta.b
    return float(abs(np.tanh(a) - states[1:]).max())


def central_differences(
    theta: Parameters, name: str, entries: Array, step: float, x: Array, y: Array, states: Array
) -> Array:
    """Return ∂loss/∂(entry) (B,) by central differences, from states[0].

    Warning: at sigma = 0.01 and step = 1e-4 the error left, about 1e-6, is the rounding of the subtraction:
    this measures the method, not the gradient.
    """
    zero = np.zeros(len(entries))
    above, below = (sum(costs(theta, name, entries, s, x, y, states, follow=False), zero) for s in (step, -step))
    return (above - below) / (2 * step)


def relative_error(analytic: Array, numeric: Array, floor: float = 0.0) -> Array:
    """Return |a − n| / (max(|a|, |n|) + floor), and 0 where both are 0; the source report has floor = 1e-10."""
    scale = np.maximum(abs(analytic), abs(numeric)) + floor
    error: Array = np.divide(abs(analytic - numeric), scale, out=np.zeros_like(scale), where=scale != 0)
    return error
