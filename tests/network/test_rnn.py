"""The gradient is the derivative of the loss, whatever the shapes, the text and the state carried in."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charloom.checking.numerical import complex_step, real_parts, relative_error
from charloom.core.network import rnn


@st.composite
def problems(draw):
    m, K, T = draw(st.integers(1, 7)), draw(st.integers(1, 6)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    theta = rnn.Parameters(rng.normal(0, draw(st.sampled_from([0.01, 0.5, 2.0])), rnn.size(m, K)), m, K)
    x, y = rng.integers(0, K, (2, T))
    return theta, x, y, rng.normal(0, 0.5, m) * draw(st.sampled_from([0, 1]))


@given(problems())
def test_every_gradient_entry_is_the_complex_step_of_the_loss(problem):
    theta, x, y, h_0 = problem
    _, gradients, _ = rnn.loss_and_gradients(*problem)
    # T terms are summed up. Each comes from a p and an h of at most 1, or is as large as a gradient.
    rounding = 1e-14 * len(x) * (1 + abs(gradients.flat).max())
    for name in rnn.NAMES:
        analytic = getattr(gradients, name).ravel()
        real = real_parts(theta, x, y, rnn.forward(theta, x, h_0)[0])
        numeric, _ = complex_step(theta, name, np.arange(analytic.size), real)
        np.testing.assert_allclose(analytic, numeric, rtol=1e-10, atol=rounding)


def test_a_network_that_knows_nothing_loses_log_k_per_character():
    loss, _, _ = rnn.loss_and_gradients(rnn.filled(0.0, 5, 83), np.arange(25), np.arange(25), np.zeros(5))
    assert loss == pytest.approx(25 * math.log(83), rel=1e-15)


def test_the_state_carried_on_is_the_state_after_the_last_character():
    theta = rnn.init(6, 4, 0.5, np.random.default_rng(3))
    text = np.array([0, 3, 1, 1, 2, 0, 3])
    at_once = rnn.forward(theta, text, np.zeros(6))[0][-1]
    _, _, carried = rnn.loss_and_gradients(theta, text[:3], text[1:4], np.zeros(6))
    assert np.array_equal(rnn.forward(theta, text[3:], carried)[0][-1], at_once)


def test_parameters_share_one_vector_and_refuse_one_of_another_size():
    theta = rnn.filled(0.0, 2, 3)
    for name in rnn.NAMES:
        getattr(theta, name)[...] = 1
    assert theta.flat.all()
    with pytest.raises(ValueError, match="flat has shape"):
        rnn.Parameters(np.zeros(5), 2, 3)


def test_relative_error_by_hand():
    error = relative_error(np.array([4.0, 0.0, 0.0]), np.array([5.0, 0.0, 2.0]))
    assert error.tolist() == [0.2, 0.0, 1.0]
    assert relative_error(np.array([1.0]), np.array([3.0]), 1.0).tolist() == [0.5]
