"""The error rate and the power of verdicts, for every plan, spread and effect. tests/paired tests a few of them."""

import numpy as np
import pytest
from promises import COUNT, calibration, error, power, rng


def claims(looks, effect, spread):
    differences = calibration.pairs(rng(), COUNT, looks[-1], effect, spread)
    return calibration.claims(calibration.decisions(differences, looks), looks)


@pytest.mark.parametrize("spread", calibration.SPREADS)
@pytest.mark.parametrize("n", [3, 5, 10])
def test_one_look_is_right_as_often_as_students_distribution_says(n, spread):
    assert claims((n,), 0.0, spread).share == pytest.approx(0.05, abs=error(0.05))
    for effect in (1.0, 1.5, 2.0):
        expected = power(n, effect)
        assert claims((n,), effect, spread).share == pytest.approx(expected, abs=error(expected) + 0.001)


@pytest.mark.parametrize("spread", calibration.SPREADS)
def test_three_looks_cost_no_false_alarm_and_save_seeds(spread):
    """The numbers are those of another simulation: NumPy alone, 400,000 comparisons each, SciPy's critical t."""
    looks = (3, 5, 10)
    for effect, share, seeds in ((0.0, 0.044, 9.82), (1.0, 0.633, 8.78), (1.5, 0.945, 7.49), (2.0, 0.998, 6.11)):
        one = claims(looks, effect, spread)
        assert one.share == pytest.approx(share, abs=error(share))
        assert one.seeds == pytest.approx(seeds, abs=0.2)


@pytest.mark.parametrize(("looks", "effect", "smallest"), [
    ((3,), 0.0, None), ((3,), 1.5, None), ((5,), 0.3, None), ((5,), 1.0, None), ((10,), 0.66, None),
    ((3, 5, 10), 0.2, None), ((3, 5, 10), 1.0, None), ((5,), 0.0, 1.0), ((10,), 0.0, 1.0), ((3, 5, 10), 0.5, 1.0),
])  # fmt: skip
def test_four_of_five_ranges_contain_the_true_need(looks, effect, smallest):
    one = calibration.coverage(rng(), 300, looks, effect, smallest)
    assert one.coverage >= 0.8 - error(0.8, 300) / 3
    assert np.all(one.ranges[0] >= 1)
