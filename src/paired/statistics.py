"""Statistics of few numbers: Student's t and Boschloo's test.

Nothing is bootstrapped: with three to ten pairs a bootstrap gives 9 to 27 false alarms in a hundred where it promises
five, and Student's t five, for pairs of unequal spread too (benchmarks/calibration.md). Functions take and give plain
numbers; a size (a mean, an interval) is in units of what it is given. None stands where nothing is defined, never NaN.
"""

import math
import sys
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import special

from paired.data_types import Interval

LARGEST = 1e300  # what is larger is no result, and would overflow
BOSCHLOO = 200  # trials a side; with 1,000 it takes 12 seconds, and Fisher's exact p hardly differs


class Moments(NamedTuple):
    """How many numbers, their mean and their sd (with n − 1); None where there are too few, and not for larger ones."""

    n: int
    mean: float | None = None
    sd: float | None = None


def moments(x: Iterable[float]) -> Moments:
    """Return them of the numbers, each at most LARGEST.

    A power of two is taken out first, which costs no bit, so that no square overflows or vanishes.
    """
    values = np.fromiter(x, dtype=float)
    n = len(values)
    if not n:
        return Moments(0)
    power = math.frexp(float(np.abs(values).max()))[1]
    scaled = np.ldexp(values, -power)
    mean, sd = float(scaled.mean()), float(scaled.std(ddof=1)) if n > 1 else None
    if sd is not None and np.ptp(scaled) == 0.0:
        mean, sd = float(scaled[0]), 0.0
    return Moments(n, math.ldexp(mean, power), None if sd is None else math.ldexp(sd, power))


def difference(a: float, b: float) -> float:
    """Return a − b; 0 where it is no more than the rounding of the two.

    Else 0.3 beside 0.1 + 0.2, the same in every pair, would be a difference beyond all doubt.
    """
    return a - b if abs(a - b) > 4 * sys.float_info.epsilon * max(abs(a), abs(b)) else 0.0


def standard_error(x: Moments) -> float | None:
    """Return it, or None where nothing says what it is.

    Two equal numbers do not: rounded values agree by chance (in one of eight pairs, where the sd is one unit of the
    last digit). Three do, and give 0.
    """
    if x.sd is None or (x.sd == 0.0 and x.n == 2):
        return None
    return x.sd / math.sqrt(x.n)


def student_p(x: Moments) -> float | None:
    """Return Student's two-sided p for a true mean of 0; None where there is no standard error."""
    error = standard_error(x)
    if error is None or x.mean is None:
        return None
    if error == 0.0:
        return 0.0 if x.mean else 1.0
    return 2.0 * float(special.stdtr(x.n - 1, -abs(x.mean / error)))


def student_interval(x: Moments, level: float) -> Interval | None:
    """Return Student's interval of the mean; a point where all numbers are equal; None as in `student_p`."""
    error = standard_error(x)
    if error is None or x.mean is None:
        return None
    half = critical(x.n, 1.0 - level) * error
    return x.mean - half, x.mean + half


def critical(n: int, alpha: float) -> float:
    """Return the |t| of n pairs that chance exceeds with probability alpha."""
    return -float(special.stdtrit(n - 1, alpha / 2))


@cache
def exploded_p(a: int, of_a: int, b: int, of_b: int) -> float | None:
    """Return Boschloo's exact two-sided p for a of of_a beside b of of_b; None where none is, or a side has no trials.

    Above 200 trials a side it is Fisher's, which is exact too.
    """
    if not of_a or not of_b or not a + b:
        return None
    if a + b == of_a + of_b:
        return 1.0
    from scipy.stats import boschloo_exact, fisher_exact  # noqa: PLC0415  a second of imports, and few need them

    test = boschloo_exact if max(of_a, of_b) <= BOSCHLOO else fisher_exact
    return min(1.0, float(test([[a, b], [of_a - a, of_b - b]]).pvalue))
