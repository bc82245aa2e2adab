"""The wider recurrences give the bits of the plain loops too. Each compiles anew, so they are tested here."""

import numpy as np
import pytest
from oracle import same_bits
from recipes import recipe

from charloom.kernel.advance import start
from charloom.kernel.layout import scratch, weights


@pytest.mark.parametrize(
    ("dtype", "m", "width"),
    [("float64", 100, 13), ("float64", 56, 7), ("float32", 208, 13), ("float32", 100, 7)],
)
def test_a_hundred_updates_of_every_width_are_those_of_the_plain_loops(dtype, m, width):
    chaotic = recipe(m, 25, 0.01, 5.0, dtype)
    state = start(chaotic, 83, 3)
    assert len(scratch(weights(state.theta), m, 83, 25).width) == width
    ids = np.random.default_rng(3).integers(0, 83, 40 * 25).astype(np.uint8)
    same_bits(chaotic, state, ids, 100)
