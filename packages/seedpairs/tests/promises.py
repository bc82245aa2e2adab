"""Simulated comparisons: those of ../benchmarks, fewer of them, always the same."""

import math
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
from scipy import stats

calibration, factors = (
    SimpleNamespace(**run_path(f"{Path(__file__).parents[1]}/benchmarks/{name}.py"))
    for name in ("calibration", "factors")
)
COUNT = 2000


def rng():
    return np.random.default_rng(2)


def error(share, count=COUNT):
    """Return three times the sampling error."""
    return 3 * math.sqrt(share * (1 - share) / count)


def power(n, effect):
    limit, centre = stats.t.ppf(0.975, n - 1), effect * math.sqrt(n)
    return stats.nct.sf(limit, n - 1, centre) + stats.nct.cdf(-limit, n - 1, centre)
