"""The complex step by addition theorems is the complex step in complex numbers."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charloom.checking.numerical import complex_step, real_parts
from charloom.core.network import rnn
from charloom.core.network.rnn import NAMES

STEP = 1e-100


def in_complex_numbers(theta, name, entry, x, y, states):
    """Return from the equations ∂loss/∂(entry), the size of its parts, and a bound of the rounding of both.

    The bound follows the errors of the imaginary parts of a, h and o through all steps. A product adds `unit` times the
    size of its terms. A derivative of tanh or exp adds `unit` times its own size and that of its argument's terms.
    """
    moved = {each: getattr(theta, each).astype(complex) for each in NAMES}
    moved[name].flat[entry] += STEP * 1j
    W, U, V, b, c = moved.values()
    unit = np.finfo(float).eps * (theta.m + theta.K)
    h, parts, errors = states[0].astype(complex), [], []
    error = np.zeros(theta.m)  # of h.imag
    for now, following, state in zip(x, y, states[1:], strict=True):
        a = W @ h + U[:, now] + b
        large = abs(W) @ abs(h.real) + abs(U[:, now]) + abs(b)
        terms = abs(W) @ abs(h.imag) + abs(W.imag) @ abs(h.real) + abs(U[:, now].imag) + abs(b.imag)
        h = np.tanh(a)
        h.real = state
        slope = 1 / np.cosh(np.minimum(abs(a.real), 350)) ** 2
        error = slope * (abs(W) @ error + unit * (1 + large) * terms)
        o = V @ h + c
        large = abs(V) @ abs(h.real) + abs(c)
        terms = abs(V) @ abs(h.imag) + abs(V.imag) @ abs(h.real) + abs(c.imag)
        of_outputs = abs(V) @ error + unit * (1 + large.max()) * terms
        o -= o.real.max()
        parts.append((np.log(np.exp(o).sum()) - o[following]).imag / STEP)
        errors.append(np.exp(o.real) @ of_outputs / np.exp(o.real).sum() + of_outputs[following])
    return sum(parts), sum(map(abs, parts)), sum(errors) / STEP


def setting(seed, m, K, T, sigma):
    """Return weights, a text and the states along it, which are not quite those of the equations."""
    rng = np.random.default_rng(seed)
    theta, ids = rnn.init(m, K, sigma, rng), rng.integers(0, K, T + 1)
    theta.flat[-m - K :] = rng.normal(0, sigma, m + K)
    states = rnn.forward(theta, ids[:-1], rng.uniform(-1, 1, m))[0]
    return theta, ids[:-1], ids[1:], states * (1 + 1e-14 * rng.normal(size=states.shape))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@given(
    seed=st.integers(0, 2**32), m=st.integers(1, 30), K=st.integers(1, 30), T=st.integers(1, 30),
    sigma=st.sampled_from([1e-6, 0.01, 0.3, 1.0, 5.0, 300.0]),
)  # fmt: skip
@example(seed=1185992, m=28, K=28, T=28, sigma=1.0)  # gradients of 37,000
@example(seed=28, m=28, K=28, T=28, sigma=5.0)  # saturated units, whose derivatives round most
def test_the_real_complex_step_equals_the_complex_one_also_when_saturated(name, seed, m, K, T, sigma):
    theta, x, y, states = setting(seed, m, K, T, sigma)
    entries = np.random.default_rng(seed).permutation(getattr(theta, name).size)[:10]
    derivative, sizes = complex_step(theta, name, entries, real_parts(theta, x, y, states))
    expected, parts, rounding = np.array([in_complex_numbers(theta, name, n, x, y, states) for n in entries]).T
    assert (abs(derivative - expected) <= rounding + 1e-200).all()  # STEP times a smaller one is 0
    assert (abs(sizes - parts) <= rounding + 1e-200).all()


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_has_the_same_derivative_alone_and_among_thousands(name):
    theta, x, y, states = setting(1, 40, 60, 12, 0.1)
    real, size = real_parts(theta, x, y, states), getattr(theta, name).size
    derivative, _ = complex_step(theta, name, np.arange(size), real)
    some = [0, size // 2, size - 1]
    alone = [complex_step(theta, name, np.array([entry]), real)[0][0] for entry in some]
    np.testing.assert_allclose(derivative[some], alone, rtol=1e-13)
