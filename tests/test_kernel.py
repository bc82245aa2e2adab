"""The kernel is the mathematics to rounding, and its own order of additions to the last bit."""

import numpy as np
import pytest
import twin
from hypothesis import given, settings
from hypothesis import strategies as st

from charloom.kernel import update as kernel
from charloom.network import adagrad, rnn
from charloom.network.adagrad import EPSILON
from charloom.network.rnn import Parameters
from charloom.training import loop as training


def started(m, K, dtype, seed, sigma=0.3, accumulator=1.0):
    drawn = rnn.init(m, K, sigma, np.random.default_rng(seed))
    return training.start(Parameters(drawn.flat.astype(dtype), m, K), accumulator)


@settings(deadline=None, max_examples=60)
@given(
    m=st.sampled_from([1, 5, 31, 32, 33, 57, 100]),
    K=st.integers(1, 40),
    T=st.integers(1, 27),
    length=st.integers(2, 200),
    clip=st.sampled_from([0.01, 5.0]),
    dtype=st.sampled_from(["float64", "float32"]),
    seed=st.integers(0, 2**32),
)
def test_updates_are_those_of_the_numpy_reference_to_rounding(m, K, T, length, clip, dtype, seed):
    """Repeated characters, the end of the text and active clipping are all within reach of these numbers."""
    ids = np.random.default_rng(seed).integers(0, K, max(length, T + 1)).astype(np.uint8)
    state = started(m, K, dtype, seed, sigma=0.1, accumulator=10.0)  # tame: rounding stays rounding
    rows = training.advance(state, ids, 6, seq_length=T, eta=0.1, clip=clip)
    after = rows.after
    theta, s, h = state.theta.copy(), state.accumulators.copy(), state.h
    number = state.theta.flat.dtype.type
    rounding = 1e-11 if dtype == "float64" else 2e-3
    for update in range(6):
        place = training.position(update, len(ids), T)
        h = np.zeros_like(h) if place == 0 else h
        loss, gradients, h = rnn.loss_and_gradients(theta, ids[place : place + T], ids[place + 1 : place + T + 1], h)
        assert rows.losses[update] == pytest.approx(loss, rel=rounding, abs=rounding)
        adagrad.step(theta, gradients, s, number(0.1), number(clip))
    np.testing.assert_allclose(after.theta.flat, theta.flat, rtol=0, atol=rounding)
    np.testing.assert_allclose(after.accumulators.flat, s.flat, rtol=rounding, atol=rounding)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("m", "K", "T", "clip"), [(21, 13, 6, 5.0), (40, 9, 7, 0.05), (100, 83, 25, 5.0)])
def test_a_hundred_updates_in_numpy_in_the_same_order_give_the_same_bits(m, K, T, clip, dtype):
    """From sigma = 0.01 and an accumulator of 0 training is chaotic: one wrong bit would not stay alone."""
    ids = np.random.default_rng(3).integers(0, K, 40 * T).astype(np.uint8)
    state = started(m, K, dtype, 3, sigma=0.01, accumulator=0.0)
    rows = training.advance(state, ids, 100, seq_length=T, eta=0.1, clip=clip)
    after = rows.after
    theta, s, h = state.theta.copy(), state.accumulators.copy(), state.h
    for update in range(100):
        place = training.position(update, len(ids), T)
        h = np.zeros_like(h) if place == 0 else h
        x, y = ids[place : place + T], ids[place + 1 : place + T + 1]
        loss, h = twin.update(theta, s, x, y, h, 0.1, clip, EPSILON)
        assert rows.losses[update] == loss, update
    assert after.theta.flat.tobytes() == theta.flat.tobytes()
    assert after.accumulators.flat.tobytes() == s.flat.tobytes()


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(1, 30), st.integers(1, 20), st.integers(0, 2**32))
def test_the_gradients_read_off_an_update_are_the_gradients(m, K, T, seed):
    rng = np.random.default_rng(seed)
    theta = rnn.init(m, K, 0.3, rng)
    ids, h_0 = rng.integers(0, K, T + 1), rng.normal(0, 0.5, m)
    found = kernel.gradients(theta, ids, h_0).flat
    _, expected, _ = rnn.loss_and_gradients(theta, ids[:-1], ids[1:], h_0)
    np.testing.assert_allclose(found, expected.flat, rtol=1e-10, atol=1e-14)


def points(dtype):
    """Return numbers from end to end: subnormal, tiny, ordinary and up to overflow, both signs."""
    info, rng = np.finfo(dtype), np.random.default_rng(1)
    exponents = rng.uniform(np.log2(float(info.smallest_subnormal)), np.log2(float(info.max)), 200_000)
    positive = np.concatenate([2.0**exponents, rng.uniform(0, 1, 200_000), rng.uniform(0, 800, 200_000)])
    return np.concatenate([positive, -positive]).astype(dtype)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("exp", "float64"), ("exp", "float32"), ("tanh", "float64"), ("tanh", "float32"), ("log", "float64")],
)
def test_elementary_functions_are_within_two_units_in_the_last_place(name, dtype):
    x = points(dtype)
    if name == "log":
        x = x[x > 0]
    found = kernel.elementary(name, x)
    with np.errstate(all="ignore"):
        exact = getattr(np, name)(x.astype(np.longdouble))
        rounded = exact.astype(dtype)
        unit = np.spacing(np.abs(rounded)).astype(np.longdouble)
        error = np.abs(found.astype(np.longdouble) - exact) / unit
    finite = np.isfinite(rounded)
    assert np.array_equal(found[~finite], rounded[~finite])
    assert error[finite].max() <= 2


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_elementary_functions_at_the_ends_of_their_range(dtype):
    x = np.array([-np.inf, np.inf, np.nan, 0.0, -0.0], dtype)
    np.testing.assert_array_equal(kernel.elementary("exp", x), np.array([0, np.inf, np.nan, 1, 1], dtype))
    np.testing.assert_array_equal(kernel.elementary("tanh", x), np.array([-1, 1, np.nan, 0, 0], dtype))


def test_log_at_the_ends_of_its_range():
    x = np.array([0.0, -0.0, -1.0, -np.inf, np.inf, np.nan, 1.0])
    np.testing.assert_array_equal(kernel.elementary("log", x), [-np.inf, -np.inf, np.nan, np.nan, np.inf, np.nan, 0.0])
