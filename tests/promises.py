"""What verdicts promise, on simulated comparisons: benchmarks/calibration.py with fewer of them, always the same."""

import math
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import pytest
from projects import ROOT
from scipy import stats

calibration = SimpleNamespace(**run_path(str(ROOT / "benchmarks/calibration.py")))
COUNT = 2000


def rng():
    return np.random.default_rng(2)


def error(share, count=COUNT):
    """Return three times the sampling error."""
    return 3 * math.sqrt(share * (1 - share) / count)


def power(n, effect):
    limit, centre = stats.t.ppf(0.975, n - 1), effect * math.sqrt(n)
    return stats.nct.sf(limit, n - 1, centre) + stats.nct.cdf(-limit, n - 1, centre)


def claims(looks, effect, spread):
    differences = calibration.pairs(rng(), COUNT, looks[-1], effect, spread)
    return calibration.claims(calibration.decisions(differences, looks), looks)


def one_look_is_right_as_often_as_students_distribution_says(n, spread):
    assert claims((n,), 0.0, spread).share == pytest.approx(0.05, abs=error(0.05))
    for effect in (1.0, 1.5, 2.0):
        assert claims((n,), effect, spread).share == pytest.approx(
            power(n, effect), abs=error(power(n, effect)) + 0.001
        )


def three_looks_cost_no_false_alarm_and_save_seeds(spread):
    """The numbers are those of another simulation: NumPy alone, 400,000 comparisons each, SciPy's critical t."""
    looks = (3, 5, 10)
    for effect, share, seeds in ((0.0, 0.044, 9.82), (1.0, 0.633, 8.78), (1.5, 0.945, 7.49), (2.0, 0.998, 6.11)):
        one = claims(looks, effect, spread)
        assert one.share == pytest.approx(share, abs=error(share))
        assert one.seeds == pytest.approx(seeds, abs=0.2)


def in_four_of_five_ranges_lies_the_true_need(looks, effect, smallest):
    one = calibration.coverage(rng(), 300, looks, effect, smallest)
    assert one.coverage >= 0.8 - error(0.8, 300) / 3
    assert np.all(one.ranges[0] >= 1)
