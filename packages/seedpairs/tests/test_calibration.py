"""How often verdicts err, on a few simulated plans, always the same; tests/all/test_verdicts.py has one setting's."""

import math

import numpy as np
import pytest
from comparisons import compared
from promises import COUNT, calibration, error, factors, power, rng
from scipy import stats

from seedpairs.data_types import BETTER, NO_DIFFERENCE, WORSE
from seedpairs.seeds_needed import largest_size, more_seeds, silence
from seedpairs.statistics import moments


@pytest.mark.parametrize("looks", [(5,), (3, 5, 10)])
def test_four_equal_settings_give_a_false_claim_in_one_of_twenty_studies(looks):
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
def test_silence_without_a_smallest_difference_is_the_noncentral_t(n):
    for effect in (0.0, 0.3, 0.8):
        assert silence(n, np.array([effect]), 0.0, 0.05)[0] == pytest.approx(1 - power(n, effect), abs=1e-4)


@pytest.mark.parametrize("theta", [0.0, 0.6, 0.9, 1.3])
def test_with_a_smallest_difference_silence_is_the_rate_of_undecided_intervals(theta):
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
def test_the_largest_effect_is_missed_with_so_small_a_t_in_one_of_ten_cases(n, t):
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
def test_a_page_of_factors_and_interactions_has_a_false_claim_in_one_of_twenty(shape, looks, spread):
    assert factors.false_claims(rng(), 300, shape, looks, spread) < 0.05 + error(0.05, 300)


@pytest.mark.slow
def test_an_average_over_other_factors_has_more_power_than_a_single_setting():
    power = factors.power(rng(), 100, (3, 2, 2), (5,), "equal", 1.5)
    assert power.average > 0.6
    assert power.cells < 0.35


def test_two_factors_that_turn_each_other_are_found_and_no_average_is():
    found = factors.crossing(rng(), 100, (5,), "equal", 2.0)
    assert found.interaction > 0.75
    assert found.average < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(2, 2), (3, 3)])
def test_effects_at_levels_of_a_true_interaction_add_no_false_claims(shape):
    """The last setting alone differs: averages, interactions and some levels are true, and others beside them zero."""
    assert factors.false_beside_true(rng(), 200, shape, (5,), "equal", 3.0) < 0.05 + error(0.05, 200)
