"""Each param in params.yaml changes a result. Run `pytest` in the project's folder."""

import random

import numpy as np
import pytest

from common import read_params
from evaluate import evaluated
from prepare import prepared
from train import trained

SMALL = {"m": 8, "updates": 40, "curve_every": 20, "length": 30}
OTHER = {  # a param, and another value of it that gives another result; add your own params here
    "held_out": 0.1, "seed": 2, "seq_length": 20, "updates": 45, "curve_every": 10, "length": 20,
    "m": 9, "sigma": 0.02, "eta": 0.05, "initial_accumulator_value": 1.0, "clip": 0.01,
}  # fmt: skip
NO_OTHER = {"program": "there is one file of functions in src/", "text": "there is one text in data/"}


def result(**changes):
    """Return what the stages compute from the beginning of the text: all numbers, as one list."""
    changes = {name: value for name, value in (SMALL | changes).items() if name in read_params("plot")}
    data = prepared(**read_params("prepare", **changes))
    part = data | {name: data[name][:3000] for name in ("x", "y", "held_out_x", "held_out_y")}
    curve, model = trained(read_params("train", **changes), part)
    bits, ids = evaluated(read_params("evaluate", **changes), part, model)
    return [*curve.items(), bits, [*ids], {name: np.asarray(array).tolist() for name, array in model.items()}]


@pytest.fixture(scope="module")
def first():
    """The result of params.yaml."""
    return result()


@pytest.mark.parametrize("name", read_params("plot"))
def test_each_param_changes_a_result(first, name):
    if name in NO_OTHER:
        pytest.skip(NO_OTHER[name])
    assert result(**{name: OTHER[name]}) != first


def test_equal_params_give_an_equal_result(first):
    random.random()  # moves the global generator
    assert result() == first
