"""Every plan, spread and effect of which tests/paired tries a few: about a minute."""

import promises
import pytest


@pytest.mark.parametrize("spread", promises.calibration.SPREADS)
@pytest.mark.parametrize("n", [3, 5, 10])
def test_one_look_is_right_as_often_as_students_distribution_says(n, spread):
    promises.one_look_is_right_as_often_as_students_distribution_says(n, spread)


@pytest.mark.parametrize("spread", promises.calibration.SPREADS)
def test_three_looks_cost_no_false_alarm_and_save_seeds(spread):
    promises.three_looks_cost_no_false_alarm_and_save_seeds(spread)


@pytest.mark.parametrize(
    ("looks", "effect", "smallest"),
    [((3,), 0.0, None), ((3,), 1.5, None), ((5,), 0.3, None), ((5,), 1.0, None), ((10,), 0.66, None),
     ((3, 5, 10), 0.2, None), ((3, 5, 10), 1.0, None), ((5,), 0.0, 1.0), ((10,), 0.0, 1.0), ((3, 5, 10), 0.5, 1.0)],
)  # fmt: skip
def test_in_four_of_five_ranges_lies_the_true_need(looks, effect, smallest):
    promises.in_four_of_five_ranges_lies_the_true_need(looks, effect, smallest)
