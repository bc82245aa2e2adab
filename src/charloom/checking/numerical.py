"""Two numerical gradients of the loss, and how far an analytic one is from them.

    complex step          ∂L/∂θ ≈ Im L(θ + ih) / h                    no subtraction: exact to rounding at h = 1e-100
    central differences   ∂L/∂θ ≈ (L(θ + h) − L(θ − h)) / 2h          what course reports use

An imaginary part so small leaves the real parts as they are, and the addition theorems say what it becomes: with
sin 2ε = 2ε and cos 2ε = 1, as they are to the last digit,

    tanh(a + iε) = (sinh 2a + i sin 2ε) / (cosh 2a + cos 2ε)          imaginary part: ε · 2 / (cosh 2a + 1)
    log Σ_k e^(o_k + iε_k)                                            imaginary part: Σ_k p_k ε_k, p_k = e^o_k / Σ e^o

So real parts are computed once, imaginary ones in units of h, for many moved entries at once, and no tanh or exp for
any of them. They go forward with the text, where an analytic gradient comes back through it; and this file shares no
formula with `rnn.py`, so that neither can hide a mistake of the other. A test does the same in complex numbers.

Matrix products, exp, tanh and log are the kernel's: an error measured here has the same bits on every processor.

With large weights a network is chaotic: two right ways to compute its states round differently, and after some dozens
of characters they have nothing in common. A gradient belongs to the states along which it was computed. So the complex
step follows these, and their `state_error` is of each from the one before.

Source: W. Squire, G. Trapp, "Using Complex Variables to Estimate Derivatives" (SIAM Review 40, 1998).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from charloom.base.processors import processors
from charloom.base.types import Array
from charloom.kernel.arrays import exp, log, product, softmax, tanh
from charloom.network.rnn import Parameters

BATCH = 256  # networks side by side: their states still fit the cache
NUMBERS = 2**22  # of all of them at most: for a large m or a long sequence the batch is smaller
PRODUCTS = 2**35  # in a batch at most: a second or two, after which progress is seen


class RealParts(NamedTuple):
    """What all networks have in common that differ in an imaginary part alone.

    x (T,)            the characters read
    h (T + 1, m)      the states along which the step goes
    slopes (T, m)     what the imaginary part of a state's argument is multiplied by
    by_output (T, K)  what those of the outputs are multiplied by, and added up, to be that of a character's cost
    by_state (T, m)   the same for those of the state from which the outputs come
    state_error       the largest |h_t − tanh(W h_{t−1} + U x_t + b)|
    """

    x: Array
    h: Array
    slopes: Array
    by_output: Array
    by_state: Array
    state_error: float


def real_parts(theta: Parameters, x: Array, y: Array, states: Array) -> RealParts:
    """Return the real parts along the states (T + 1, m), each of which is taken from the one before."""
    a = product(states[:-1], theta.W.T) + theta.U.T[x] + theta.b
    o = product(states[1:], theta.V.T) + theta.c
    by_output = softmax(o)
    by_output[np.arange(len(y)), y] -= 1  # the cost is log Σ e^o − o_y
    error = float(abs(tanh(a) - states[1:]).max())
    e = exp(-2 * abs(a))  # 2 / (cosh 2a + 1) = 4e / (1 + e)²
    return RealParts(x, states, 4 * e / ((1 + e) * (1 + e)), by_output, product(by_output, theta.V), error)


def complex_step(
    theta: Parameters, name: str, entries: Array, real: RealParts, report: Callable[[int], None] = lambda _: None
) -> tuple[Array, Array]:
    """Return ∂loss/∂(entry) (B,) by the complex step, and the sizes of its parts added up; `report` the entries done.

    `entries` (B,) are indices into theta's raveled `name`. Each character's loss has a part in the derivative. Where
    parts cancel, their digits are gone from the sum, in every right gradient: it is exact to rounding, about 1e-13, of
    the sizes (B,), not of itself.
    """
    row, column = _place(theta, name, entries)
    derivative, sizes = np.zeros((2, len(entries)))

    def measure(batch: Array) -> int:
        if name in "Vc":  # moves one output of its own
            by_character = real.by_output[:, row[batch]] * (real.h[1:, column[batch]] if name == "V" else 1)
        else:
            by_character = _through_states(theta, name, row[batch], column[batch], real)
        derivative[batch], sizes[batch] = by_character.sum(axis=0), abs(by_character).sum(axis=0)
        return len(batch)

    # A column of U whose character is never read moves nothing.
    moving = np.flatnonzero(np.isin(column, real.x)) if name == "U" else np.arange(len(entries))
    T, m = len(real.x), theta.m
    batch = max(1, min(BATCH, NUMBERS // (m + T), PRODUCTS // (m * m * T)))
    done = len(entries) - len(moving)
    with ThreadPoolExecutor(min(2, processors())) as executor:  # a product releases the interpreter
        for more in executor.map(measure, np.split(moving, range(batch, len(moving), batch))):
            done += more
            report(done)
    return derivative, sizes


def _through_states(theta: Parameters, name: str, row: Array, column: Array, real: RealParts) -> Array:
    """Return the imaginary part (T, B) of each character's cost: an entry of W, U or b moves all states after it.

    Those of the states of all B networks stand side by side as columns, so that one product serves them all; the moved
    entry acts on its own row of its own column.
    """
    network = np.arange(len(row))
    costs = np.empty((len(real.x), len(row)))
    h = np.zeros((theta.m, len(row)))
    for t, now in enumerate(real.x):
        a = product(theta.W, h)
        a[row, network] += real.h[t, column] if name == "W" else column == now if name == "U" else 1
        h = a * real.slopes[t, :, None]
        costs[t] = product(real.by_state[t : t + 1], h)[0]
    return costs


def central_differences(
    theta: Parameters, name: str, entries: Array, step: float, x: Array, y: Array, h_0: Array
) -> Array:
    """Return ∂loss/∂(entry) (B,) by central differences, from the state h_0 (m,).

    Warning: at sigma = 0.01 and step = 1e-4 the error left, about 1e-6, is the rounding of the subtraction:
    this measures the method, not the gradient.
    """
    both = np.tile(entries, 2), np.repeat([step, -step], len(entries))
    above, below = np.split(losses(theta, name, *both, x, y, h_0), 2)
    difference: Array = above - below
    return difference / (2 * step)


def losses(theta: Parameters, name: str, entries: Array, moved: Array, x: Array, y: Array, h_0: Array) -> Array:
    """Return the loss (B,) in nats of each network in which the entry (B,) of theta's `name` is `moved` (B,)."""
    row, column = _place(theta, name, entries)
    network = np.arange(len(entries))
    h, loss = np.repeat(h_0[:, None], len(entries), axis=1), np.zeros(len(entries))
    for now, following in zip(x, y, strict=True):
        a = product(theta.W, h) + (theta.U[:, now] + theta.b)[:, None]
        if name in "WUb":
            a[row, network] += moved * (h[column, network] if name == "W" else column == now if name == "U" else 1)
        h = tanh(a)
        o = product(theta.V, h) + theta.c[:, None]
        if name in "Vc":
            o[row, network] += moved * (h[column, network] if name == "V" else 1)
        o -= o.max(axis=0)  # gone in the difference: exp cannot overflow
        loss += log(exp(o).sum(axis=0)) - o[following]
    return loss


def _place(theta: Parameters, name: str, entries: Array) -> tuple[Array, Array]:
    """Return row and column of each entry; the column of one of b or c is not to be used."""
    shape = getattr(theta, name).shape
    row, column = np.unravel_index(entries, shape) if len(shape) == 2 else (entries, entries)
    return row, column


def relative_error(analytic: Array, numeric: Array, floor: float = 0.0) -> Array:
    """Return |a − n| / (max(|a|, |n|) + floor), and 0 where both are 0; the source report has floor = 1e-10."""
    scale = np.maximum(abs(analytic), abs(numeric)) + floor
    error: Array = np.divide(abs(analytic - numeric), scale, out=np.zeros_like(scale), where=scale != 0)
    return error
