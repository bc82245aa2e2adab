"""What runs are held beside each other by: the text that they have read, and units that compare."""

import pytest
from projects import ROOT

from charloom.settings.params import overridden, read_params
from charloom.study.measuring import MORE_TEXT, of_runs

USUAL = read_params(ROOT / "params.yaml")


def warnings(**other):
    params = {"usual": USUAL, "other": overridden(USUAL, {k.replace("__", "."): v for k, v in other.items()}, ROOT)}
    return of_runs(params, {name: {} for name in params}, "smooth_loss", "usual", better="lower").warnings


@pytest.mark.parametrize("other", [{"batch": 8}, {"seq_length": 50}, {"train__updates": 1000}])
def test_settings_that_read_more_text_are_told_apart_from_those_that_do_not(other):
    assert warnings(**other) == (MORE_TEXT,)


@pytest.mark.parametrize(
    "other", [{"eta": 0.05}, {"batch": 8, "train__updates": 12_500}, {"batch": 5, "seq_length": 5}]
)
def test_equal_amounts_of_text_need_no_warning(other):
    assert warnings(**other) == ()
