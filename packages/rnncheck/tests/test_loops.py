"""Training loops: `check` accepts the right ones, and names the fault of a wrong one."""

import numpy as np
import pytest

from rnncheck import loop
from rnncheck.cases import weights
from rnncheck.verdicts import Unreadable, faults

SLOW = pytest.mark.slow
FROM_LN_K = "it returns the smooth loss from ln K"


def given_losses(shown="loss", dtype=float, T=1, **changed):
    rng = np.random.default_rng(8)
    theta = weights(loop.m, loop.K, 0.3, rng)
    ids = rng.choice(loop.K, loop.EPOCH * 25 + 1, p=np.array([8, 4, 2, 2, 1, 1, 1, 1]) / 20)
    losses = loop.losses(theta, ids, 25, None, {name: values[0] for name, values in loop.OPTIONS.items()} | changed)
    given, smooth = [], {"smooth_from_0": 0, "smooth loss from ln K": 25 / T * np.log(loop.K)}.get(shown)
    for _ in range(loop.UPDATES):
        loss = next(losses) / T
        smooth = loss if smooth is None else 0.999 * smooth + 0.001 * loss
        given.append(loss if shown == "loss" else smooth)
    return loop.judge_losses(np.array(given, dtype).astype(float), theta, ids, 25, None)


@pytest.mark.parametrize(
    ("changed", "note"),
    [
        ({}, None),
        pytest.param({"dtype": np.float32}, None, marks=SLOW),
        pytest.param({"rule": "Adam"}, None, marks=SLOW),
        pytest.param({"rule": "Adam with b2 = 0.99"}, None, marks=SLOW),
        pytest.param({"rule": "AdaGrad with epsilon 1e-08"}, None, marks=SLOW),
        pytest.param({"clip": "none"}, "clip: none", marks=SLOW),
        pytest.param({"clip": "by the norm to 5"}, "clip: by the norm to 5", marks=SLOW),
        pytest.param({"loss": "after the step"}, "loss: after the step", marks=SLOW),
        pytest.param({"end": "last sequence left out"}, "end: last sequence left out", marks=SLOW),
        pytest.param({"shown": "smooth loss"}, "it returns the smooth loss", marks=SLOW),
        pytest.param({"shown": "smooth loss", "dtype": np.float32}, "it returns the smooth loss", marks=SLOW),
        pytest.param({"shown": "smooth loss from ln K"}, FROM_LN_K, marks=SLOW),
        pytest.param({"shown": "smooth loss from ln K", "T": 25}, FROM_LN_K, marks=SLOW),
    ],
)
def test_a_right_loop_is_right_and_its_variant_is_named(changed, note):
    verdict = given_losses(**changed)
    assert verdict.result == "right"
    assert verdict.notes == ((f"no fault: {note}",) if note else ())


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed",
    [
        {"state": "zero_state"},
        {"state": "first_state", "shown": "smooth loss"},
        {"state": "last_but_one", "rule": "Adam"},
        {"epoch": "kept_state", "shown": "smooth loss"},
        {"epoch": "kept_state", "rule": "Adam"},
        {"shown": "smooth_from_0"},
        {"memory": "new_memory"},
        {"memory": "new_memory_of_epoch", "rule": "Adam", "shown": "smooth loss"},
        {"targets": "unshifted"},
        {"memory": "new_memory", "rule": "Adam", "loss": "after the step"},
        {"epoch": "kept_state", "end": "last sequence left out"},
        {"clip": "plain_biases", "rule": "Adam"},
        {"W": "zero_before_first", "shown": "smooth loss"},
        {"W": "last_before_first", "rule": "Adam"},
        {"rule": "descent"},
        {"epoch": "kept_state", "W": "zero_before_first"},
        {"epoch": "kept_state", "shown": "smooth_from_0"},
    ],
)
def test_a_wrong_loop_has_its_name(changed):
    verdict = given_losses(**changed)
    assert verdict.result == "wrong"
    says = [faults()["loop"][value] for value in changed.values() if value in faults()["loop"]]
    assert verdict.findings[0].sentences == ("; and ".join(says),)


@pytest.mark.slow
def test_smoothed_losses_that_drift_are_not_called_a_fault():
    rng = np.random.default_rng(8)
    theta = weights(loop.m, loop.K, 0.3, rng)
    ids = rng.choice(loop.K, loop.EPOCH * 25 + 1, p=np.array([8, 4, 2, 2, 1, 1, 1, 1]) / 20)
    right = loop.losses(theta, ids, 25, 0.1, {name: values[0] for name, values in loop.OPTIONS.items()})
    smooth = np.array([next(right)])
    for n in range(1, loop.UPDATES):
        smooth = np.append(smooth, 0.999 * smooth[-1] + 0.001 * next(right) * (1 + 0.01 * n))
    with pytest.raises(Unreadable, match="no known loop from update 2 on"):
        loop.judge_losses(smooth, theta, ids, 25, 0.1)
