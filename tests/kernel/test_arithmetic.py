"""The kernel's arithmetic: exp, tanh and log beside those of longer numbers; sums in one order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charloom.core.kernel import arrays, elementary
from charloom.core.network import rnn

longer = pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="no longer numbers here to compare with")
FUNCTIONS = [("exp", "float64"), ("exp", "float32"), ("tanh", "float64"), ("tanh", "float32"), ("log", "float64")]
INF, NAN = np.inf, np.nan
ENDS = {"exp": [0, INF, NAN, 1, 1], "tanh": [-1, 1, NAN, 0, 0], "log": [NAN, INF, NAN, -INF, -INF]}


def points(dtype):
    """Return numbers from end to end: subnormal, tiny, ordinary and up to overflow, both signs."""
    info, rng = np.finfo(dtype), np.random.default_rng(1)
    exponents = rng.uniform(np.log2(float(info.smallest_subnormal)), np.log2(float(info.max)), 50_000)
    positive = np.concatenate([2.0**exponents, rng.uniform(0, 1, 100_000), rng.uniform(0, 800, 50_000)])
    return np.concatenate([positive, -positive]).astype(dtype)


@pytest.mark.slow
@longer
@pytest.mark.parametrize(("name", "dtype"), FUNCTIONS)
def test_elementary_functions_are_within_two_units_in_the_last_place(name, dtype):
    x = points(dtype)
    if name == "log":
        x = x[x > 0]
    found = getattr(elementary, name)(x)
    with np.errstate(all="ignore"):
        exact = getattr(np, name)(x.astype(np.longdouble))
        rounded = exact.astype(dtype)
        unit = np.spacing(np.abs(rounded)).astype(np.longdouble)
        error = np.abs(found.astype(np.longdouble) - exact) / unit
    finite = np.isfinite(rounded)
    assert np.array_equal(found[~finite], rounded[~finite])
    assert error[finite].max() <= 2


@pytest.mark.parametrize(("name", "dtype"), FUNCTIONS)
def test_elementary_functions_at_the_ends_of_their_range(name, dtype):
    x = np.array([-INF, INF, NAN, 0.0, -0.0], dtype)
    np.testing.assert_array_equal(getattr(elementary, name)(x), np.array(ENDS[name], dtype))


@settings(deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**32))
def test_each_sum_of_a_product_runs_upwards(n, k, m, seed):
    rng = np.random.default_rng(seed)
    left, right, out = rng.normal(size=(n, k)), rng.normal(size=(k, m)), np.zeros((n, m))
    for j in range(k):
        out += left[:, j, None] * right[j]
    assert arrays.product(left, right).tobytes() == out.tobytes()
    assert arrays.product(right.T, left.T) == pytest.approx(out.T)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_text_is_read_as_the_equations_say(dtype):
    rng = np.random.default_rng(1)
    drawn = rnn.init(21, 6, 0.5, rng)
    theta = rnn.Parameters(drawn.flat.astype(dtype), 21, 6)
    x, h_0 = rng.integers(0, 6, 53).astype(np.uint8), rng.uniform(-1, 1, 21).astype(dtype)
    rounding = 1e-13 if dtype == "float64" else 1e-4
    for own, equations in zip(arrays.forward(theta, x, h_0), rnn.forward(theta, x, h_0), strict=True):
        assert own.dtype == dtype
        assert own == pytest.approx(equations, rel=0, abs=rounding)
