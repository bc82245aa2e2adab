"""The kernel is the mathematics to rounding, and its own order of additions to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import same_bits
from recipes import recipe

from charloom.core.kernel.advance import advance, learned_gradients
from charloom.core.network import rnn
from charloom.core.network.adam import Adam
from charloom.core.network.order import AS_IT_STANDS, CHUNKS, POSITIONS, Order
from charloom.core.network.recipe import COMPILED, OPTIMIZERS, Recipe
from charloom.core.network.state import initial_state

# All have panels of one width, so each type is compiled once; from m = 33 on, and 128 in float32, there are several.
SIZES = st.sampled_from([1, 5, 31, 32, 33, 48, 64, 128])
USUAL = [OPTIMIZERS[name](0.1) for name in COMPILED]  # their other rates have defaults


@settings(deadline=None, max_examples=40)
@given(
    m=SIZES, K=st.integers(1, 40), T=st.integers(1, 27), n=st.sampled_from([1, 1, *range(2, 10), 32]),
    seed=st.integers(0, 2**32), dtype=st.sampled_from(["float64", "float32"]), loss=st.sampled_from(["sum", "mean"]),
    clip=st.sampled_from([0.05, 5.0, np.inf]),
    optimizer=st.sampled_from([*USUAL, Adam(0.01, 0.0, 0.5, 1e-3)]),
    order=st.sampled_from([AS_IT_STANDS, Order(CHUNKS, 60), Order(POSITIONS)]),
)  # fmt: skip
def test_updates_are_those_of_the_plain_loops_to_the_bit(m, K, T, clip, dtype, optimizer, loss, order, n, seed):
    """From sigma = 0.01 and an accumulator of 0 training is chaotic: one wrong bit would not stay alone."""
    ids = np.random.default_rng(seed).integers(0, K, 9 * T * n + 1).astype(np.uint8)
    chaotic = Recipe(m, T, 0.01, clip, dtype, optimizer, loss, order, n)
    same_bits(chaotic, initial_state(chaotic, K, seed), ids, 30 if n < 10 else 12)


@pytest.mark.parametrize("seed", [4, 15, 85, 93])
def test_a_sum_of_zeros_has_the_sign_of_the_plain_loops(seed):
    """Saturated units give gradients of −0.0; with b1 = 0 Adam's first moment is the gradient."""
    saturated = Recipe(8, 3, 30.0, 5.0, "float64", Adam(0.1, 0.0))
    ids = np.random.default_rng(seed).integers(0, 4, 28).astype(np.uint8)
    same_bits(saturated, initial_state(saturated, 4, seed), ids, 6)


@settings(deadline=None, max_examples=40)
@given(
    m=st.integers(1, 40), K=st.integers(1, 30), T=st.integers(1, 20), n=st.sampled_from([1, 2, 5, 7]),
    seed=st.integers(0, 2**32), optimizer=st.sampled_from(USUAL),
    loss=st.sampled_from(["sum", "mean"]),
)  # fmt: skip
def test_the_gradients_read_off_an_update_are_the_gradients(m, K, T, seed, optimizer, loss, n):
    rng = np.random.default_rng(seed)
    theta, gradients = rnn.init(m, K, 0.3, rng), rnn.filled(0.0, m, K)
    ids, h_0 = rng.integers(0, K, (T + 1, n)).astype(np.uint8), rng.normal(0, 0.5, (n, m))
    for read, h in zip(ids.T, h_0, strict=True):
        gradients.flat[:] += rnn.loss_and_gradients(theta, read[:-1], read[1:], h)[1].flat
    # T · n terms are summed up. Each comes from a p and an h of at most 1, or is as large as a gradient; over 20,000
    # such networks the difference stayed below a fifteenth of this.
    rounding = 1e-13 * T * n * (1 + abs(gradients.flat).max())
    learned, _ = learned_gradients(theta, ids, h_0, Recipe(m, T, 0.1, 5.0, "float64", optimizer, loss))
    np.testing.assert_allclose(learned.flat, gradients.flat, rtol=0, atol=rounding)


def test_outputs_of_any_size_have_a_finite_loss():
    """e^o would overflow: the largest output is taken off first."""
    ids, five = np.array([0, 1, 0, 1], np.uint8), recipe(m=5, accumulator=1.0)
    state = initial_state(five, 2, 1)
    state.theta.c[...] = [1000.0, -1000.0]
    rows = advance(state, ids, 1, five)
    loss, _, _ = rnn.loss_and_gradients(state.theta, ids[:-1], ids[1:], state.carried)
    assert rows.losses[0] == pytest.approx(loss, rel=1e-14)
