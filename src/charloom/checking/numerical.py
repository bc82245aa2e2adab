"""Compute numerical gradients of the loss in two ways, and the relative error of an analytic gradient.

    complex step          ∂L/∂θ ≈ Im L(θ + ih) / h                    no subtraction: exact to rounding at h = 1e-100
    central differences   ∂L/∂θ ≈ (L(θ + h) − L(θ − h)) / 2h          the method of course reports

An imaginary part ε as small as 1e-100 does not change the real parts. The addition theorems give the imaginary part
after each function: with sin 2ε = 2ε and cos 2ε = 1, which hold to the last digit,

    tanh(a + iε) = (sinh 2a + i sin 2ε) / (cosh 2a + cos 2ε)          imaginary part: ε · 2 / (cosh 2a + 1)
    log Σ_k e^(o_k + iε_k)                                            imaginary part: Σ_k p_k ε_k, p_k = e^o_k / Σ e^o

So the real parts are computed once. The imaginary parts are computed in units of h, for many changed entries at once,
without any tanh or exp. They are propagated forward through the text; an analytic gradient is propagated backward. This
file shares no formula with `rnn.py`, so a mistake in one file cannot hide one in the other. A test computes with
complex numbers.

Matrix products, exp, tanh and log are the kernel's, so a measured error has the same bits on every processor.

A network with large weights is chaotic: two correct ways to compute its states round differently, and diverge after
some dozens of characters. A gradient belongs to the states from which it was computed. So the complex step uses the
given states, and `state_error` measures how far a given state is from the state computed from its predecessor.

Source: W. Squire, G. Trapp, "Using Complex Variables to Estimate Derivatives" (SIAM Review 40, 1998).
"""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from charloom.core.base.processors import processors
from charloom.core.base.types import Array
from charloom.core.config.records import MatrixErrors
from charloom.core.kernel.arrays import exp, log, product, softmax, tanh
from charloom.core.network.rnn import Parameters

BATCH = 256  # entries changed at once, at most, each in a network of its own: their states fit the cache
NUMBERS = 2**22  # numbers in memory for a batch, at most; limits the batch for a large m or long sequences
REPORT_STEP, REPORT_ENTRIES, REPORT_FLOOR = 1e-4, 20, 1e-10  # the check in the course report
PRODUCTS = 2**35  # multiplications of a batch, at most: the batches of a large network are shared by two threads


class RealParts(NamedTuple):
    """The real parts for a sequence of T characters, and the factors by which imaginary parts propagate.

    x, y (T,)         ids of the characters read, and of their targets
    h (T + 1, m)      given states
    slopes (T, m)     ∂h_t / ∂a_t
    by_output (T, K)  ∂cost_t / ∂o_t, with cost_t = −log p_t[y_t]
    by_state (T, m)   ∂cost_t / ∂h_t, through o_t only
    state_error       largest |h_t − tanh(W h_{t−1} + U x_t + b)|
    """

    x: Array
    y: Array
    h: Array
    slopes: Array
    by_output: Array
    by_state: Array
    state_error: float


def real_parts(theta: Parameters, x: Array, y: Array, states: Array) -> RealParts:
    """Return the real parts for the inputs x (T,) and the targets y (T,), computed from the given states (T + 1, m)."""
    a = product(states[:-1], theta.W.T) + theta.U.T[x] + theta.b
    o = product(states[1:], theta.V.T) + theta.c
    by_output = softmax(o)
    by_output[np.arange(len(y)), y] -= 1  # because cost = log Σ e^o − o_y
    error = float(abs(tanh(a) - states[1:]).max())
    e = exp(-2 * abs(a))  # 2 / (cosh 2a + 1) = 4e / (1 + e)²
    return RealParts(x, y, states, 4 * e / ((1 + e) * (1 + e)), by_output, product(by_output, theta.V), error)


def complex_step(theta: Parameters, name: str, entries: Array, real: RealParts) -> tuple[Array, Array]:
    """Return the derivatives ∂loss/∂entry (B,) by the complex step, and their sizes (B,): Σ_t |∂cost_t/∂entry|.

    entries  (B,) indices into theta's raveled matrix `name`

    If the summands ∂cost_t/∂entry cancel, the sum loses digits in every correct gradient. So a derivative is accurate
    to about 1e-13 relative to its size, not relative to itself.
    """
    row, column = _place(theta, name, entries)
    derivative, sizes = np.zeros((2, len(entries)))

    def measure(batch: Array) -> None:
        if name in "Vc":  # an entry changes one output, and no state
            by_character = real.by_output[:, row[batch]] * (real.h[1:, column[batch]] if name == "V" else 1)
        else:
            by_character = _through_states(theta, name, row[batch], column[batch], real)
        derivative[batch], sizes[batch] = by_character.sum(axis=0), abs(by_character).sum(axis=0)

    # A column of U whose character is never read has derivative 0.
    moving = np.flatnonzero(np.isin(column, real.x)) if name == "U" else np.arange(len(entries))
    T, m = len(real.x), theta.m
    batch = max(1, min(BATCH, NUMBERS // (m + T), PRODUCTS // (m * m * T)))
    with ThreadPoolExecutor(min(2, processors())) as executor:  # products release the interpreter lock
        list(executor.map(measure, np.split(moving, range(batch, len(moving), batch))))
    return derivative, sizes


def _through_states(theta: Parameters, name: str, row: Array, column: Array, real: RealParts) -> Array:
    """Return ∂cost_t/∂entry (T, B) by the complex step, for B entries: (row[n], column[n]) of W or U, or row[n] of b.

    Each entry is changed in a network of its own, and changes all later states of this network. The imaginary parts of
    the B networks' states are the columns of one matrix (m, B), so one product per character computes them. Entry n
    adds to element (row[n], n) of this matrix.
    """
    network = np.arange(len(row))
    costs = np.empty((len(real.x), len(row)))
    h = np.zeros((theta.m, len(row)))
    for t, character in enumerate(real.x):
        a = product(theta.W, h)
        a[row, network] += real.h[t, column] if name == "W" else column == character if name == "U" else 1
        h = a * real.slopes[t, :, None]
        costs[t] = product(real.by_state[t : t + 1], h)[0]
    return costs


def central_differences(
    theta: Parameters, name: str, entries: Array, step: float, x: Array, y: Array, h_0: Array
) -> Array:
    """Return ∂loss/∂entry (B,) by central differences with step h = `step`.

    entries  (B,) indices into theta's raveled matrix `name`
    x, y     inputs and targets (T,), read from the state h_0 (m,)

    Warning: at sigma = 0.01 and step = 1e-4, rounding in the subtraction causes a relative error of about 1e-6, even if
    the gradient is right.
    """
    both = np.tile(entries, 2), np.repeat([step, -step], len(entries))
    above, below = np.split(losses(theta, name, *both, x, y, h_0), 2)
    difference: Array = above - below
    return difference / (2 * step)


def losses(theta: Parameters, name: str, entries: Array, moved: Array, x: Array, y: Array, h_0: Array) -> Array:
    """Return the losses (B,) of B networks in nats: network n has moved[n] added to entries[n] of the matrix `name`.

    The loss is the sum over the targets y (T,), with the inputs x (T,) read from the state h_0 (m,).
    """
    row, column = _place(theta, name, entries)
    network = np.arange(len(entries))
    h, loss = np.repeat(h_0[:, None], len(entries), axis=1), np.zeros(len(entries))
    for character, target in zip(x, y, strict=True):
        a = product(theta.W, h) + (theta.U[:, character] + theta.b)[:, None]
        if name in "WUb":
            read = h[column, network] if name == "W" else column == character if name == "U" else 1
            a[row, network] += moved * read
        h = tanh(a)
        o = product(theta.V, h) + theta.c[:, None]
        if name in "Vc":
            o[row, network] += moved * (h[column, network] if name == "V" else 1)
        o -= o.max(axis=0)  # cancels in the loss; exp cannot overflow
        loss += log(exp(o).sum(axis=0)) - o[target]
    return loss


def sequences_of(ids: Array) -> list[tuple[Array, Array]]:
    """Return for each column of ids (T + 1, n) the input characters (T,) and the target characters (T,)."""
    return list(zip(ids[:-1].T, ids[1:].T, strict=True))


def _place(theta: Parameters, name: str, entries: Array) -> tuple[Array, Array]:
    """Return the rows (B,) and columns (B,) of `entries` (B,), indices into the raveled matrix `name`.

    For the vectors b and c both results are `entries`.
    """
    shape = getattr(theta, name).shape
    row, column = np.unravel_index(entries, shape) if len(shape) == 2 else (entries, entries)
    return row, column


def matrix_errors(
    theta: Parameters, name: str, entries: Array, analytic: Array, numeric: Array, floor: float, differences: Array
) -> MatrixErrors:
    """Return the errors of the gradient of the matrix `name`, compared in B entries.

    entries            (B,) indices into theta's raveled matrix `name`
    analytic, numeric  (B,) gradient, and derivative by the complex step
    floor              see relative_error, for the complex step
    differences        derivatives by central differences, of the first entries
    """
    error = relative_error(analytic, numeric, floor)
    worst = int(np.argmax(error))
    return MatrixErrors(
        max_relative_error=float(error[worst]),
        worst_entry=[int(i) for i in np.unravel_index(entries[worst], getattr(theta, name).shape)],
        analytic=float(analytic[worst]),
        numeric=float(numeric[worst]),
        entries=len(entries),
        entries_zero=int(((analytic == 0) & (numeric == 0)).sum()),
        report_relative_error=float(relative_error(analytic[: len(differences)], differences, REPORT_FLOOR).max()),
    )


def relative_error(analytic: Array, numeric: Array, floor: float = 0.0) -> Array:
    """Return |a − n| / (max(|a|, |n|) + floor) elementwise for a = analytic and n = numeric, 0 if both are 0."""
    scale = np.maximum(abs(analytic), abs(numeric)) + floor
    error: Array = np.divide(abs(analytic - numeric), scale, out=np.zeros_like(scale), where=scale != 0)
    return error
