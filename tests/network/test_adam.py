"""Adam by hand, and beside PyTorch's and Optax's."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from charloom.core.kernel.advance import advance
from charloom.core.network import rnn
from charloom.core.network.adam import Adam
from charloom.core.network.recipe import Recipe
from charloom.core.network.rnn import filled
from charloom.core.network.state import initial_state

M, K, T = 7, 6, 5
ELSEWHERE = json.loads(Path(__file__).with_name("adam_elsewhere.json").read_text(encoding="utf-8"))
RECIPE = Recipe(M, T, 0.3, math.inf, "float64", Adam(0.01), "mean")


@pytest.mark.slow
@pytest.mark.parametrize("library", ELSEWHERE)
@pytest.mark.parametrize("updates", ["1", "10", "200"])
def test_the_weights_are_those_of_other_libraries(library, updates):
    """Weights and text of nine sequences are drawn as benchmarks/adam_elsewhere.py draws them."""
    ids = np.random.default_rng(2).integers(0, K, 9 * T + 1)
    state = replace(initial_state(RECIPE, K, seed=1), theta=rnn.init(M, K, 0.3, np.random.default_rng(1)))
    theta = advance(state, ids, int(updates), RECIPE).after.theta
    np.testing.assert_allclose(theta.flat, ELSEWHERE[library][updates], rtol=0, atol=1e-12)


def moved(gradients, eta=0.5, b1=0.5, b2=0.75, eps=0.25):
    """Return the weight after steps along these gradients from 1, and what is kept."""
    theta, m, v = filled(1.0, 1, 1), filled(0.0, 1, 1), filled(0.0, 1, 1)
    for update, gradient in enumerate(gradients):
        Adam(eta, b1, b2, eps).step(theta.flat, (m.flat, v.flat), filled(gradient, 1, 1).flat, update)
    return theta.flat[0], m.flat[0], v.flat[0]


def test_the_first_two_steps_by_hand():
    """m = 2, v = 4; corrected they are 4 and 16. Then m = 5, v = 19; corrected 5 / (1 - 1/4) and 19 / (1 - 9/16)."""
    theta, m, v = moved([4.0])
    assert (m, v) == (2.0, 4.0)
    first = 1 - 0.5 * 4 / 4.25
    assert theta == pytest.approx(first, rel=1e-15)
    theta, m, v = moved([4.0, 8.0])
    assert (m, v) == (5.0, 19.0)
    assert theta == pytest.approx(first - 0.5 * (5 / 0.75) / (math.sqrt(19 / 0.4375) + 0.25), rel=1e-14)
