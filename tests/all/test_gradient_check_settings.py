"""The gradient check over 100 settings drawn at random, and of a kernel that is wrong."""

import re

import numpy as np
import pytest
from edits import WRONG
from recipes import recipe

from charloom.checking.check import failures, gradient_errors, reference_failures
from charloom.network.rnn import init

TOLERANCE = 1e-10  # params.yaml's
LARGEST = 300, 500, 100  # m, K, seq_length
SETTINGS, PARTS = 100, 4
ENTRIES = 200  # compared of each matrix


@pytest.mark.parametrize("part", range(PARTS))
def test_no_right_gradient_of_the_kernel_or_of_the_equations_is_refused(part):
    """Sizes and sigma from 1e-6 to 1 are drawn evenly in their logs.

    In every tenth text all characters are equally frequent, as far as that goes: parts of a gradient cancel there.
    """
    for number in range(part, SETTINGS, PARTS):
        rng = np.random.default_rng([13, number])
        m, K, T = (round(np.exp(rng.uniform(0, np.log(most)))) for most in LARGEST)
        ids = np.append(0, rng.permutation(np.arange(T) % K)) if number % 10 == 0 else rng.integers(0, K, T + 1)
        theta = init(m, K, 10 ** rng.uniform(-6, 0), rng)
        errors = gradient_errors(theta, ids[:, None], recipe(), ENTRIES, rng)
        lines = [*failures(errors, TOLERANCE), *reference_failures(theta, ids[:, None], TOLERANCE)]
        assert lines == [], f"setting {number}: m = {m}, K = {K}, seq_length = {T}"


def test_a_wrong_gradient_stops_the_pipeline_before_training_and_is_named(project):
    for file, right, wrong, named in WRONG.values():
        project.edit(file, right, wrong)
        printed = project.run("dvc", "repro", expect=255)
        assert project.stages(printed)[-1] == "gradcheck"
        assert re.search(named + r".*analytic .*, complex step .*, relative error", printed)
        assert "a mistake in src/charloom/kernel" in printed
        project.run("git", "checkout", "-q", file)
