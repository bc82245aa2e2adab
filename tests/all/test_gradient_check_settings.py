"""The gradient check over 60 settings drawn at random."""

import numpy as np
import pytest
from recipes import recipe

from charloom.checking import equations
from charloom.checking.check import failures, gradient_errors
from charloom.core.network.rnn import init

TOLERANCE = 1e-10  # params.yaml's
LARGEST = 300, 500, 100  # m, K, seq_length
SETTINGS, PARTS = 60, 4
ENTRIES, FEW = 200, 20  # compared of each matrix: of the kernel's gradient, of rnn.py's


@pytest.mark.parametrize("part", range(PARTS))
def test_no_right_gradient_of_the_kernel_or_of_the_equations_is_refused(part):
    for number in range(part, SETTINGS, PARTS):
        rng = np.random.default_rng([13, number])
        m, K, T = (round(np.exp(rng.uniform(0, np.log(most)))) for most in LARGEST)
        # In every tenth text all characters are equally frequent: parts of a gradient cancel there.
        ids = np.append(0, rng.permutation(np.arange(T) % K)) if number % 10 == 0 else rng.integers(0, K, T + 1)
        sigma = 10 ** rng.uniform(-6, 0)
        theta = init(m, K, sigma, rng)
        errors = gradient_errors(theta, ids[:, None], recipe(), ENTRIES, rng)
        points = equations.points(theta, sigma, TOLERANCE, number)
        of_equations = equations.failures(points, ids[:, None], FEW, lambda *_: None)
        lines = [*failures(errors, TOLERANCE), *of_equations]
        assert lines == [], f"setting {number}: m = {m}, K = {K}, seq_length = {T}"
