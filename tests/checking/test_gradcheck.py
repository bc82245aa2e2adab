"""The gate: training starts only where the kernel's gradient and that of rnn.py are the derivative of the loss."""

import numpy as np
import pytest
from projects import source
from recipes import recipe

from charloom.checking.check import failures, gradient_errors, reference_failures, verdict
from charloom.core.base.errors import CheckFailed
from charloom.core.kernel.advance import learned_gradients
from charloom.core.network import rnn
from charloom.core.network.rnn import NAMES

IDS = np.random.default_rng(2).integers(0, 6, (12, 1)).astype(np.uint8)
THETA = rnn.init(7, 6, 0.1, np.random.default_rng(1))
STATES = ("zero", "carried")


def errors(theta=THETA, ids=IDS, entries=1000, of_kernel=learned_gradients):
    return gradient_errors(theta, ids, recipe(), entries, np.random.default_rng(3), of_kernel)


def ensure_right(theta, ids, entries=1000):
    assert failures(errors(theta, ids, entries), 1e-10) == []
    assert list(reference_failures(theta, ids, 1e-10)) == []


def test_both_gradients_are_the_derivative_at_both_states_and_so_many_entries_are_compared_as_are_wanted():
    ensure_right(THETA, IDS)
    passed = verdict(errors(), 1e-10, True)
    assert [getattr(passed.zero, name).entries for name in NAMES] == [49, 42, 42, 7, 6]
    assert passed.zero.U.entries_zero == 7 * len(set(range(6)) - set(IDS[:-1, 0]))
    assert [getattr(errors(entries=20).carried, name).entries for name in NAMES] == [20, 20, 20, 7, 6]


def test_the_gradient_of_a_batch_is_that_of_all_its_sequences():
    ids = np.random.default_rng(2).integers(0, 6, (12, 7))
    ensure_right(THETA, ids)

    def of_wrong_states(theta, ids, h_0, recipe):
        """Return what a kernel comes to that carries the states of two sequences crosswise."""
        gradients, _ = learned_gradients(theta, ids, h_0[[1, 0, *range(2, 7)]], recipe)
        return gradients, learned_gradients(theta, ids, h_0, recipe)[1]

    lines = failures(errors(ids=ids, of_kernel=of_wrong_states), 1e-10)
    assert lines
    assert all("at the carried state" in line for line in lines)


def spoilt(gradients, name):
    """Return the gradients with one wrong entry in this matrix."""
    matrix = getattr(gradients, name)
    matrix.flat[3] += 1e-8 * abs(matrix).max()
    return gradients


@pytest.mark.parametrize("name", NAMES)
def test_one_wrong_entry_of_either_gradient_is_named(name):
    def of_kernel(*arguments):
        gradients, states = learned_gradients(*arguments)
        return spoilt(gradients, name), states

    def of_reference(*arguments):
        loss, gradients, h = rnn.loss_and_gradients(*arguments)
        return loss, spoilt(gradients, name), h

    found = errors(of_kernel=of_kernel)
    assert [line.split(":")[0] for line in failures(found, 1e-10)] == [
        f"{name}{getattr(matrices, name).worst_entry} at the {state} state"
        for state, matrices in (("zero", found.zero), ("carried", found.carried))
    ]
    reference = list(reference_failures(THETA, IDS, 1e-10, of_reference))
    assert [line.split(":")[0] for line in reference] == [f"{name} at the {state} state" for state in STATES]
    assert all(source(rnn).removeprefix("src/charloom/core/") in line for line in reference)


def test_a_right_gradient_passes_and_a_wrong_entry_or_state_is_found_where_the_network_is_chaotic():
    """There the states of two right programs have nothing in common after 60 characters."""
    ids = np.random.default_rng(2).integers(0, 6, (101, 1)).astype(np.uint8)
    theta = rnn.init(40, 6, 0.8, np.random.default_rng(1))
    states = learned_gradients(theta, ids, np.zeros((1, 40)), recipe())[1][:, 0]
    assert abs(states - rnn.forward(theta, ids[:-1, 0], np.zeros(40))[0]).max() > 0.1
    ensure_right(theta, ids, 50)

    def of_wrong_entry(*arguments):
        gradients, states = learned_gradients(*arguments)
        gradients.W.flat[abs(gradients.W).argmax()] *= 1 + 1e-4
        return gradients, states

    def of_wrong_states(*arguments):
        gradients, states = learned_gradients(*arguments)
        return gradients, states * (1 - 1e-9)

    lines = failures(errors(theta, ids, 1600, of_wrong_entry), 1e-10)
    assert [line.partition("[")[0] for line in lines] == ["W", "W"]
    lines = failures(errors(theta, ids, 5, of_wrong_states), 1e-10)
    assert lines[0].startswith("the kernel's hidden states: largest error ")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy says it too
def test_a_gradient_that_is_not_finite_fails_the_check():
    theta = rnn.init(7, 6, 0.1, np.random.default_rng(1))
    theta.V[0, 0] = np.inf
    with pytest.raises(CheckFailed, match="is not finite"):
        errors(theta=theta)


def test_the_digits_that_agree_are_those_of_the_error_and_no_more_than_the_tolerances():
    found = errors()
    for error, tolerance, digits in ((0.0, 1e-10, 10), (2e-9, 1e-10, 8), (1e-9, 1e-12, 9), (3.0, 1, 0)):
        row = found.zero.W.model_copy(update={"max_relative_error": error})
        zero = found.zero.model_copy(update={"W": row})
        assert verdict(found.model_copy(update={"zero": zero}), tolerance, True).zero.W.agreeing_digits == digits
