"""The gradient check over 100 settings drawn at random: nothing right is refused, nothing wrong passes."""

import re

import numpy as np
import pytest
from edits import UPDATE, WRONG_SOURCES
from recipes import recipe

from charloom.checking.check import failures, gradient_errors, reference_failures
from charloom.network.rnn import init

TOLERANCE = 1e-10  # params.yaml's
LARGEST = {"m": 300, "K": 500, "seq_length": 100}
SETTINGS, PARTS = 100, 4
ENTRIES = 200  # compared of each matrix


def drawn(number: int, **largest: int):
    """Return weights and a text of the setting, its sizes and its sigma from 1e-6 to 1 evenly in their logs.

    In every tenth text all characters are equally frequent, as far as that goes: parts of a gradient cancel there.
    """
    rng = np.random.default_rng([13, number])
    m, K, T = (round(np.exp(rng.uniform(0, np.log(most)))) for most in (LARGEST | largest).values())
    ids = np.append(0, rng.permutation(np.arange(T) % K)) if number % 10 == 0 else rng.integers(0, K, T + 1)
    return init(m, K, 10 ** rng.uniform(-6, 0), rng), ids[:, None], rng


def refused(theta, ids, rng):
    """Return the lines with which the stage would refuse the gradients of the kernel and of rnn.py."""
    errors = gradient_errors(theta, ids, recipe(), ENTRIES, rng)
    return [*failures(errors, TOLERANCE), *reference_failures(theta, ids, TOLERANCE)]


@pytest.mark.parametrize("part", range(PARTS))
def test_no_right_gradient_is_refused(part):
    for number in range(part, SETTINGS, PARTS):
        theta, ids, rng = drawn(number)
        assert refused(theta, ids, rng) == [], (
            f"setting {number}: m = {theta.m}, K = {theta.K}, seq_length = {len(ids) - 1}"
        )


@pytest.mark.parametrize("alphabet", [1, 2, 3])
def test_nor_is_one_of_which_little_but_rounding_is_left(alphabet):
    """The fewer characters a text has, the likelier it is that those of a sequence are equally frequent."""
    for number in range(0, 1000, 10):
        theta, _, rng = drawn(number, m=8, K=1)
        theta = init(theta.m, alphabet, 10 ** rng.uniform(-6, 0), rng)
        ids = np.append(0, rng.permutation(np.arange(12) % alphabet))[:, None]
        assert refused(theta, ids, rng) == [], number


@pytest.mark.parametrize("name", WRONG_SOURCES)
def test_such_an_error_in_the_kernels_source_is_refused_and_named(project, name):
    right, wrong = WRONG_SOURCES[name]
    project.edit(UPDATE, right, wrong)
    printed = project.run("python", "src/gradcheck.py", expect=1)
    assert re.findall(r"(\w)\[[\d, ]+\] at the (\w+) state", printed) == [(name, "zero"), (name, "carried")]
    assert "a mistake in src/charloom/kernel" in printed
