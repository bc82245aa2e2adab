"""The gate: training starts only where the kernel's gradient and that of rnn.py are the derivative of the loss."""

import re

import numpy as np
import pytest
from recipes import recipe

from charloom.base.errors import CheckFailed
from charloom.checking import check
from charloom.checking.check import failures, gradient_errors, reference_failures, verdict
from charloom.kernel.advance import learned_gradients
from charloom.network import rnn
from charloom.network.rnn import NAMES

IDS = np.random.default_rng(2).integers(0, 6, (12, 1)).astype(np.uint8)

THETA = rnn.init(7, 6, 0.1, np.random.default_rng(1))


def errors(entries=1000, theta=THETA):
    return gradient_errors(theta, IDS, recipe(), entries, np.random.default_rng(3))


def test_both_gradients_are_the_derivative_at_both_states():
    found = errors()
    assert failures(found, 1e-10) == []
    assert list(reference_failures(THETA, IDS, 1e-10)) == []
    passed = verdict(found, 1e-10, True)
    assert [getattr(passed.zero, name).entries for name in NAMES] == [49, 42, 42, 7, 6]
    assert passed.zero.U.entries_zero == 7 * len(set(range(6)) - set(IDS[:-1, 0]))


def test_the_gradient_of_a_batch_is_that_of_all_its_sequences(monkeypatch):
    ids = np.random.default_rng(2).integers(0, 6, (12, 7))
    arguments = THETA, ids, recipe(), 1000, np.random.default_rng(3)
    assert failures(gradient_errors(*arguments), 1e-10) == []
    assert list(reference_failures(THETA, ids, 1e-10)) == []
    right = check.learned_gradients

    def of_wrong_states(theta, ids, h_0, recipe):
        """Return what a kernel comes to that carries the states of two sequences crosswise."""
        gradients, _ = right(theta, ids, h_0[[1, 0, *range(2, 7)]], recipe)
        return gradients, right(theta, ids, h_0, recipe)[1]

    monkeypatch.setattr(check, "learned_gradients", of_wrong_states)
    lines = failures(gradient_errors(*arguments), 1e-10)
    assert lines
    assert all("at the carried state" in line for line in lines)


def test_so_many_entries_of_a_large_matrix_are_compared_as_are_wanted():
    assert [getattr(errors(entries=20).carried, name).entries for name in NAMES] == [20, 20, 20, 7, 6]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("gradient", ["kernel", "rnn.py"])
def test_one_wrong_entry_of_either_gradient_is_named(monkeypatch, name, gradient):
    right, right_kernel = rnn.loss_and_gradients, check.learned_gradients

    def spoilt(gradients):
        getattr(gradients, name).flat[3] += 1e-8 * abs(getattr(gradients, name)).max()
        return gradients

    def wrong(theta, x, y, h_0):
        loss, gradients, h = right(theta, x, y, h_0)
        return loss, spoilt(gradients), h

    def wrong_kernel(*arguments):
        gradients, states = right_kernel(*arguments)
        return spoilt(gradients), states

    if gradient == "kernel":
        monkeypatch.setattr(check, "learned_gradients", wrong_kernel)
    else:
        monkeypatch.setattr(rnn, "loss_and_gradients", wrong)
    found = errors()
    reference = list(reference_failures(THETA, IDS, 1e-10))
    assert [line.split(":")[0] for line in [*failures(found, 1e-10), *reference]] == [
        f"{name}{getattr(matrices, name).worst_entry if gradient == 'kernel' else ''} at the {state} state"
        for state, matrices in (("zero", found.zero), ("carried", found.carried))
    ]
    assert len(reference) == 2 * (gradient == "rnn.py")
    assert all("network/rnn.py" in line for line in reference)


def chaotic():
    """Return a network in which the states of two right programs have nothing in common after 60 characters."""
    return rnn.init(40, 6, 0.8, np.random.default_rng(1)), np.random.default_rng(2).integers(0, 6, (101, 1)).astype(
        np.uint8
    )


def test_no_right_gradient_is_called_wrong_where_the_network_is_chaotic():
    theta, ids = chaotic()
    states = learned_gradients(theta, ids, np.zeros((1, 40)), recipe())[1][:, 0]
    assert abs(states - rnn.forward(theta, ids[:-1, 0], np.zeros(40))[0]).max() > 0.1
    assert failures(gradient_errors(theta, ids, recipe(), 50, np.random.default_rng(3)), 1e-10) == []
    assert list(reference_failures(theta, ids, 1e-10)) == []


def test_a_wrong_entry_is_found_there_too_and_so_is_a_wrong_state(monkeypatch):
    theta, ids = chaotic()
    right = check.learned_gradients

    def wrong(gradients, states):
        largest = abs(gradients.W).argmax()
        gradients.W.flat[largest] *= 1 + 1e-4
        return gradients, states

    monkeypatch.setattr(check, "learned_gradients", lambda *arguments: wrong(*right(*arguments)))
    lines = failures(gradient_errors(theta, ids, recipe(), 1600, np.random.default_rng(3)), 1e-10)
    assert [line.partition("[")[0] for line in lines] == ["W", "W"]
    monkeypatch.setattr(
        check, "learned_gradients", lambda *arguments: (right(*arguments)[0], right(*arguments)[1] * (1 - 1e-9))
    )
    lines = failures(gradient_errors(theta, ids, recipe(), 5, np.random.default_rng(3)), 1e-10)
    assert lines[0].startswith("the kernel's hidden states: largest error ")


@pytest.mark.parametrize("sigma", [1e-6, 1e-4])
def test_nor_where_the_parts_of_a_gradient_cancel(sigma):
    """With two letters, equally frequent, c's gradient is all but 0: what is left of it is rounding."""
    theta, ids = rnn.init(8, 2, sigma, np.random.default_rng(1)), np.arange(11)[:, None] % 2
    assert failures(gradient_errors(theta, ids, recipe(), 1000, np.random.default_rng(3)), 1e-10) == []
    assert list(reference_failures(theta, ids, 1e-10)) == []


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy says it too
def test_a_gradient_that_is_not_finite_fails_the_check():
    theta = rnn.init(7, 6, 0.1, np.random.default_rng(1))
    theta.V[0, 0] = np.inf
    with pytest.raises(CheckFailed, match="is not finite"):
        errors(theta=theta)


def test_the_stage_says_how_far_off_each_gradient_is(project):
    title, head, *rows = project.stage("gradcheck").splitlines()
    assert len(title) <= 80
    assert head.split() == ["entries", "are", "zero", "complex", "step", "report"]
    assert [row.split()[:2] for row in rows] == [[name, state] for state in ("zero", "carried") for name in NAMES]
    assert all(len(row.split()) == 6 and len(row) <= 80 for row in rows)
    assert '"passed": true' in (project.folder / "metrics/gradcheck.json").read_text()


@pytest.mark.parametrize(
    ("error", "tolerance", "digits"), [(0.0, 1e-10, 10), (2e-9, 1e-10, 8), (1e-9, 1e-12, 9), (3.0, 1, 0)]
)
def test_the_digits_that_agree_are_those_of_the_error_and_no_more_than_the_tolerances(error, tolerance, digits):
    found = errors()
    row = found.zero.W.model_copy(update={"max_relative_error": error})
    found = found.model_copy(update={"zero": found.zero.model_copy(update={"W": row})})
    assert verdict(found, tolerance, True).zero.W.agreeing_digits == digits


def test_states_without_digits_are_named_and_no_gradient_is_called_wrong(project):
    project.edit("params.yaml", "sigma: 0.01", "sigma: 200.0")
    line = r"sigma: 200\.0 is too large for the gradient check: \d+ of \d+ hidden activations"
    assert re.search(line, project.stage("gradcheck", code=1))


def test_a_wrong_gradient_of_rnn_fails_the_stage_after_its_files_are_written(project, monkeypatch):
    right = rnn.loss_and_gradients

    def forgetful(theta, x, y, h_0):
        """Forget that the state was carried in."""
        return right(theta, x, y, np.zeros_like(h_0))

    monkeypatch.setattr(rnn, "loss_and_gradients", forgetful)
    (project.folder / "reports/gradcheck.json").unlink()
    printed = project.stage("gradcheck", code=1)
    assert "wrong: W at the carried state: the gradient of network/rnn.py" in printed
    assert '"passed": false' in (project.folder / "metrics/gradcheck.json").read_text()
    assert (project.folder / "reports/gradcheck.json").exists()
