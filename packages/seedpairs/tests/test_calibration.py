"""How often verdicts err, on a few simulated plans, always the same; tests/all/test_verdicts.py has one setting's."""

import math

import numpy as np
import pytest
from compared import compared
from promises import COUNT, calibration, error, factors, power, rng
from scipy import stats

from seedpairs.data_types import BETTER, NO_DIFFERENCE, WORSE
from seedpairs.seeds_needed import largest_size, more_seeds, silence
from seedpairs.statistics import moments


@pytest.mark.parametrize("looks", [(5,), (3, 5, 10)])
def test_of_four_settings_without_a_difference_one_in_twenty_studies_tells_something(looks):
    assert 0.02 < calibration.any_claim(rng(), 500, 4, looks) < 0.05 + error(0.05, 500)


@pytest.mark.parametrize("looks", [(5,), (3, 5, 10)])
def test_a_difference_that_just_matters_is_seldom_said_not_to(looks):
    """One side of the interval errs: half of 0.05."""
    rows = calibration.pairs(rng(), COUNT, looks[-1], 1.5)
    said = [each.verdict == NO_DIFFERENCE for each in calibration.decisions(rows, looks, smallest=1.5)]
    assert np.mean(said) < 0.025 + error(0.025)


@pytest.mark.parametrize("size", [1e-320, 1e-300, 1e-165])
def test_tiny_values_claim_no_more_often(size):
    tables = rng().normal(0.0, size, (400, 2, 3))
    claims = [compared({"base": list(a), "ours": list(b)})["ours"].verdict in {BETTER, WORSE} for a, b in tables]
    assert np.mean(claims) < 0.05 + error(0.05, 400)


@pytest.mark.parametrize("n", [2, 3, 10, 30])
def test_without_a_smallest_difference_silence_is_the_noncentral_t(n):
    for effect in (0.0, 0.3, 0.8):
        assert silence(n, np.array([effect]), 0.0, 0.05)[0] == pytest.approx(1 - power(n, effect), abs=1e-4)


@pytest.mark.parametrize("theta", [0.0, 0.6, 0.9, 1.3])
def test_with_one_it_is_how_often_the_interval_neither_leaves_0_nor_lies_inside(theta):
    x = rng().normal(theta, 1.0, (40_000, 8))
    half = stats.t.ppf(0.975, 7) * x.std(axis=1, ddof=1) / math.sqrt(8)
    mean = np.abs(x.mean(axis=1))
    share = np.mean((mean <= half) & (mean + half >= 1.0))
    assert silence(8, np.array([theta]), 1.0, 0.05)[0] == pytest.approx(share, abs=error(share, 40_000))


def test_the_true_need_is_that_of_the_textbooks():
    """Seeds of a paired t-test for a power of 0.8 at 0.05: Cohen's small, medium and large effect, and 1 and 2 sd."""
    assert [calibration.need(effect, 0.0, 0.05) for effect in (0.2, 0.5, 0.8, 1.0, 2.0)] == [199, 34, 15, 10, 5]
    assert calibration.need(0.0, 0.0, 0.05) is None


@pytest.mark.parametrize(("n", "t"), [(3, 2.0), (5, 1.0), (10, 0.5)])
def test_the_largest_size_is_that_of_which_one_in_ten_that_cannot_tell_has_so_small_a_t(n, t):
    limit, of = stats.t.ppf(0.975, n - 1), stats.nct(n - 1, largest_size(n, t, 0.05) * math.sqrt(n))
    share = (of.cdf(t) - of.cdf(-limit)) / (of.cdf(limit) - of.cdf(-limit))
    assert share == pytest.approx(0.1, abs=2e-4)


def test_a_range_has_two_ends_where_the_seeds_say_something():
    """Else `at least one` would always be right."""
    low, high = more_seeds(moments([0.2, 1.4, 0.9, 0.3, 1.6]), 0.05 / 3, None)
    assert 1 <= low < high < 100
    assert more_seeds(moments([1.0, -1.0, 0.2, -0.3, 0.4]), 0.05, None)[0] >= 5
    low, high = more_seeds(moments([1.0, -1.0, 0.2, -0.3, 0.4]), 0.05, 1.0)
    assert 1 <= low < 10 < high < 100


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "looks", "spread"), [((2, 2), (5,), "unequal"), ((3, 2, 2), (3, 5), "equal")])
def test_of_factors_interactions_and_settings_one_page_in_twenty_tells_something(shape, looks, spread):
    assert factors.false_claims(rng(), 300, shape, looks, spread) < 0.05 + error(0.05, 300)


@pytest.mark.slow
def test_an_average_over_other_factors_tells_more_often_than_a_setting_by_itself():
    power = factors.power(rng(), 100, (3, 2, 2), (5,), "equal", 1.5)
    assert power.average > 0.6
    assert power.cells < 0.35


def test_two_factors_that_turn_each_other_are_found_and_no_average_is():
    found = factors.crossing(rng(), 100, (5,), "equal", 2.0)
    assert found.interaction > 0.75
    assert found.average < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(2, 2), (3, 3)])
def test_what_a_true_interaction_leaves_to_its_levels_makes_no_more_false_claims(shape):
    """The last setting alone differs: averages, interactions and some levels are true, and others beside them zero."""
    assert factors.false_beside_true(rng(), 200, shape, (5,), "equal", 3.0) < 0.05 + error(0.05, 200)
