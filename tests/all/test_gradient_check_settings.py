"""The gradient check over 200 settings drawn at random: nothing right is refused, nothing wrong passes."""

import json
import re
from itertools import product

import numpy as np
import pytest
from edits import PASSES, UPDATE, WRONG_SOURCES
from recipes import recipe

from charloom.checking import check
from charloom.checking.check import failures, gradient_errors, reference_failures
from charloom.kernel.advance import learned_gradients
from charloom.network.rnn import NAMES, init

TOLERANCE = 1e-10  # params.yaml's
LARGEST = {"m": 300, "K": 500, "seq_length": 100}
SETTINGS, PARTS = 200, 10
ENTRIES = 200  # compared of each matrix


def drawn(number: int, smallest: int = 1, **largest: int):
    """Return weights and a text of the setting, its sizes and its sigma from 1e-6 to 1 evenly in their logs.

    In every tenth text all characters are equally frequent, as far as that goes: parts of a gradient cancel there.
    """
    rng = np.random.default_rng([13, number])
    m, K, T = (round(np.exp(rng.uniform(np.log(smallest), np.log(most)))) for most in (LARGEST | largest).values())
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


@pytest.mark.parametrize(("name", "state", "size"), list(product(NAMES, ["zero", "carried"], ["largest", "small"])))
def test_one_part_in_ten_thousand_of_one_entry_is_refused(monkeypatch, name, state, size):
    number = 1000 + NAMES.index(name) * 4 + ["zero", "carried"].index(state) * 2 + ["largest", "small"].index(size)
    theta, ids, rng = drawn(number, smallest=2, m=60, K=60)  # with K = 1 every gradient is 0
    calls = iter(["zero", "carried"])

    def wrong(*arguments):
        gradients, states = learned_gradients(*arguments)
        if next(calls) == state:
            matrix = getattr(gradients, name).ravel()
            sizes = abs(matrix)
            counting = np.flatnonzero(sizes > 1e-4 * sizes.max())
            chosen = counting[(np.argmax if size == "largest" else np.argmin)(sizes[counting])]
            matrix[chosen] *= 1.0001
        return gradients, states

    monkeypatch.setattr(check, "learned_gradients", wrong)
    lines = failures(gradient_errors(theta, ids, recipe(), 10_000, rng), TOLERANCE)
    assert [line.partition(":")[0].partition("[")[0] for line in lines] == [name], lines
    assert f"at the {state} state" in lines[0]


def test_a_wrong_gradient_stops_the_pipeline_before_training(project):
    project.edit(PASSES, "(1.0 - state * state)", "(1.0 + state * state)")
    printed = project.run("dvc", "repro", expect=255)
    assert project.stages(printed)[-1] == "gradcheck"
    assert re.search(r"[WUb]\[.*\] at the .*analytic .*, complex step .*, relative error", printed)
    assert json.loads((project.folder / "metrics/gradcheck.json").read_text())["passed"] is False


@pytest.mark.parametrize("name", WRONG_SOURCES)
def test_such_an_error_in_the_kernels_source_is_refused_and_named(project, name):
    right, wrong = WRONG_SOURCES[name]
    project.edit(UPDATE, right, wrong)
    printed = project.run("python", "src/gradcheck.py", expect=1)
    assert re.findall(r"(\w)\[[\d, ]+\] at the (\w+) state", printed) == [(name, "zero"), (name, "carried")]
    assert "a mistake in src/charloom/kernel" in printed
