"""The gate: training starts only if the kernel's gradient is the derivative of the loss."""

import numpy as np
import pytest
from recipes import recipe

from charloom.checking.check import check_record, failures, gradient_errors, without_evidence
from charloom.core.base.errors import CheckFailed
from charloom.core.kernel.advance import learned_gradients
from charloom.core.network import rnn
from charloom.core.network.rnn import NAMES

IDS = np.random.default_rng(2).integers(0, 6, (12, 1)).astype(np.uint8)
THETA = rnn.init(7, 6, 0.1, np.random.default_rng(1))


def errors(theta=THETA, ids=IDS, entries=1000, of_kernel=learned_gradients):
    return gradient_errors(theta, ids, recipe(), entries, np.random.default_rng(3), of_kernel)


def ensure_right(theta, ids, entries=1000):
    assert failures(errors(theta, ids, entries), 1e-10) == []


def test_the_kernels_gradient_is_the_derivative_at_both_states():
    ensure_right(THETA, IDS)
    passed = check_record(errors(), 1e-10, True)
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
def test_the_check_names_one_wrong_entry_of_the_kernels_gradient(name):
    def of_kernel(*arguments):
        gradients, states = learned_gradients(*arguments)
        return spoilt(gradients, name), states

    found = errors(of_kernel=of_kernel)
    assert [line.split(":")[0] for line in failures(found, 1e-10)] == [
        f"{name}{getattr(matrices, name).worst_entry} at the {state} state"
        for state, matrices in (("zero", found.zero), ("carried", found.carried))
    ]


def test_gradcheck_finds_a_wrong_entry_or_state_also_in_a_chaotic_network():
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


def test_agreeing_digits_follow_the_error_and_are_limited_by_the_tolerance():
    found = errors()
    for error, tolerance, digits in ((0.0, 1e-10, 10), (2e-9, 1e-10, 8), (1e-9, 1e-12, 9), (3.0, 1, 0)):
        row = found.zero.W.model_copy(update={"max_relative_error": error})
        zero = found.zero.model_copy(update={"W": row})
        assert check_record(found.model_copy(update={"zero": zero}), tolerance, True).zero.W.agreeing_digits == digits


def test_random_entries_of_u_belong_to_characters_that_are_read():
    found = errors(entries=20)
    assert (found.zero.U.entries, found.zero.U.entries_zero) == (20, 0)


def test_a_matrix_with_only_zeros_in_both_states_is_no_evidence():
    saturated = rnn.Parameters(1e9 * THETA.flat, THETA.m, THETA.K)
    assert without_evidence(errors()) == []
    assert without_evidence(errors(saturated)) == ["W", "U", "b"]
