"""The cost of a text: by each backend, as by the equations, in one piece or in two."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from charloom.core.model import scoring
from charloom.core.network import rnn
from charloom.core.network.recipe import KERNEL, NUMPY
from charloom.core.network.rnn import Parameters


@given(
    m=st.sampled_from([1, 5, 33, 100]), K=st.integers(1, 40), n=st.integers(2, 450), seed=st.integers(0, 2**32),
    dtype=st.sampled_from(["float64", "float32"]), backend=st.sampled_from([KERNEL, NUMPY]),
)  # fmt: skip
def test_every_character_costs_what_the_equations_say(m, K, n, seed, dtype, backend):
    rng = np.random.default_rng(seed)
    theta = Parameters(rnn.init(m, K, 0.1, rng).flat.astype(dtype), m, K)
    ids, h_0 = rng.integers(0, K, n).astype(np.uint8), rng.normal(0, 0.5, m)
    found = scoring.score(theta, ids, h_0, backend)
    wide = Parameters(theta.flat.astype(float), m, K)
    near = {"rtol": 1e-12, "atol": 1e-12} if dtype == "float64" else {"rtol": 1e-4, "atol": 1e-4}
    h, o = rnn.forward(wide, ids[:-1], h_0)
    expected = -rnn.log_softmax(o)[np.arange(n - 1), ids[1:]]
    np.testing.assert_allclose(found.nats, expected, **near)
    np.testing.assert_allclose(found.total, expected.sum(), **near)
    np.testing.assert_allclose(found.h, h[-1], **near)
