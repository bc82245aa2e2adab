"""A result of a wrong type or shape is not checked, in any part."""

import pytest

import rnncheck
from rnncheck import loop

PARTS = ("gradients", "step", "losses", "following", "sample")


@pytest.mark.parametrize("value", [None, "text", [[1, 2]], [7j] * loop.UPDATES, {}, [[1], [1, 2]], 10**400])
def test_wrong_results_are_not_checked(value):
    for verdict in rnncheck.check(**dict.fromkeys(PARTS, lambda *_: value), quiet=True).parts:
        if value is None and verdict.part == "step":  # weights that are changed in place
            assert verdict.findings[0].sentences == ("it does not change the weights",)
        else:
            assert (verdict.result, verdict.findings) == ("not checked", ())
