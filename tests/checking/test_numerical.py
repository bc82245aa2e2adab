"""The complex step by addition theorems is the complex step in complex numbers."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charloom.checking.numerical import complex_step, real_parts
from charloom.network import rnn
from charloom.network.rnn import NAMES

STEP = 1e-100


def in_complex_numbers(theta, name, entry, x, y, states):
    """Return from the equations ∂loss/∂(entry), and the sizes of its parts and of their terms, added up."""
    moved = {each: getattr(theta, each).astype(complex) for each in NAMES}
    moved[name].flat[entry] += STEP * 1j
    W, U, V, b, c = moved.values()
    h, parts, terms = states[0].astype(complex), [], []
    for now, following, state in zip(x, y, states[1:], strict=True):
        h = np.tanh(W @ h + U[:, now] + b)
        h.real = state
        o = V @ h + c
        o -= o.real.max()
        parts.append((np.log(np.exp(o).sum()) - o[following]).imag / STEP)
        of_outputs = (abs(o.imag) if name in "Vc" else abs(V) @ abs(h.imag)) / STEP
        terms.append(np.exp(o.real) @ of_outputs / np.exp(o.real).sum() + of_outputs[following])
    return sum(parts), sum(map(abs, parts)), sum(terms)


def setting(seed, m, K, T, sigma):
    """Return weights, a text and the states along it, which are not quite those of the equations."""
    rng = np.random.default_rng(seed)
    theta, ids = rnn.init(m, K, sigma, rng), rng.integers(0, K, T + 1)
    theta.flat[-m - K :] = rng.normal(0, sigma, m + K)
    states = rnn.forward(theta, ids[:-1], rng.uniform(-1, 1, m))[0]
    return theta, ids[:-1], ids[1:], states * (1 + 1e-14 * rng.normal(size=states.shape))


@pytest.mark.parametrize("name", NAMES)
@given(
    seed=st.integers(0, 2**32), m=st.integers(1, 30), K=st.integers(1, 30), T=st.integers(1, 30),
    sigma=st.sampled_from([1e-6, 0.01, 0.3, 1.0, 5.0, 300.0]),
)  # fmt: skip
@example(seed=1185992, m=28, K=28, T=28, sigma=1.0)  # gradients of 37,000
def test_it_is_the_one_in_complex_numbers_to_rounding_and_so_where_all_units_are_saturated(name, seed, m, K, T, sigma):
    theta, x, y, states = setting(seed, m, K, T, sigma)
    entries = np.random.default_rng(seed).permutation(getattr(theta, name).size)[:10]
    derivative, sizes = complex_step(theta, name, entries, real_parts(theta, x, y, states))
    expected, parts, terms = np.array([in_complex_numbers(theta, name, n, x, y, states) for n in entries]).T
    # Every step rounds, and an argument of tanh or exp counts as often as it is large. 1e-100 of the smallest is 0.
    rounding = 16 * (T + sigma * m) * np.finfo(float).eps * terms + 1e-200
    assert (abs(derivative - expected) <= rounding).all()
    assert (abs(sizes - parts) <= rounding).all()


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_has_the_same_derivative_alone_and_among_thousands(name):
    theta, x, y, states = setting(1, 40, 60, 12, 0.1)
    real, size, reported = real_parts(theta, x, y, states), getattr(theta, name).size, []
    derivative, _ = complex_step(theta, name, np.arange(size), real, reported.append)
    some = [0, size // 2, size - 1]
    alone = [complex_step(theta, name, np.array([entry]), real)[0][0] for entry in some]
    np.testing.assert_allclose(derivative[some], alone, rtol=1e-13)
    assert reported == sorted(reported)
    assert reported[-1] == size
