"""The kernel's arithmetic on arrays: sums in one order, and the values of NumPy to rounding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charloom.kernel import arrays
from charloom.network import rnn


@settings(deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**32))
def test_each_sum_of_a_product_runs_upwards(n, k, m, seed):
    rng = np.random.default_rng(seed)
    left, right, out = rng.normal(size=(n, k)), rng.normal(size=(k, m)), np.zeros((n, m))
    for j in range(k):
        out += left[:, j, None] * right[j]
    assert arrays.product(left, right).tobytes() == out.tobytes()
    assert arrays.product(right.T, left.T) == pytest.approx(out.T)


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
