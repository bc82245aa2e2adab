"""AdaGrad by hand: a 3-4-5 triangle."""

import numpy as np
import pytest
from recipes import recipe

from charloom.core.network.rnn import filled


def moved(gradient, accumulator, clip=5.0):
    half = recipe(m=1, clip=clip, eta=0.5, accumulator=accumulator)
    theta, (s,) = filled(1.0, 1, 1), half.accumulators(1)
    half.step(theta, (s,), filled(gradient, 1, 1), 0)
    assert len(set(theta.flat)) == 1
    return theta.flat[0], s.flat[0]


def test_a_step_divides_by_the_root_of_the_sum_of_squares_of_clipped_gradients():
    theta, s = moved(gradient=4.0, accumulator=9.0)
    assert s == 25.0
    assert theta == pytest.approx(1 - 0.5 * 4 / 5, rel=1e-15)
    assert moved(gradient=-12.0, accumulator=0.0)[1] == 25.0
    assert moved(gradient=12.0, accumulator=0.0, clip=2.0)[1] == 4.0


def test_epsilon_stands_inside_the_root():
    theta, _ = moved(gradient=1e-9, accumulator=0.0)
    assert 1 - theta == pytest.approx(0.5 * 1e-9 / np.sqrt(1e-18 + 2.2e-16), rel=1e-6)
