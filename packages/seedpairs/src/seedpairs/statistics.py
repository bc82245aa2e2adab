"""Statistics of small samples: Student's t.

There is no bootstrap: with three to ten pairs a bootstrap gives 9 to 27 false alarms in a hundred instead of five, and
Student's t gives five, also for pairs of unequal spread (benchmarks/calibration.md). Functions take and return plain
numbers; means and intervals have the units of the input. An undefined result is None, never NaN.
"""

import math
import sys
from collections.abc import Iterable

import numpy as np
from scipy import special

from seedpairs.data_types import Interval, Moments

LARGEST = 1e150  # a larger value is no result, and its square would overflow
ROUNDING = 1e-9  # relative: 0.75 − 0.71 and 0.30 − 0.26 differ by less, because no decimal is exact
SMALLEST = sys.float_info.min  # smaller values have the same absolute rounding error as this one


def moments(x: Iterable[float]) -> Moments:
    """Return the moments of the values. No absolute value may be above LARGEST.

    The values are scaled by a power of two, which is exact: the squares of values below 1e-162 would be 0.
    """
    values = np.fromiter(x, dtype=float)
    n = len(values)
    if not n:
        return Moments(0)
    if n > 1 and np.ptp(values) == 0.0:
        return Moments(n, float(values[0]), 0.0)
    _, exponent = np.frexp(np.abs(values).max())
    scaled = np.ldexp(values, -exponent)
    mean, sd = (float(np.ldexp(x, exponent)) for x in (scaled.mean(), scaled.std(ddof=min(1, n - 1))))
    return Moments(n, mean, sd if n > 1 else None)


def difference_beyond_rounding(a: float, b: float) -> float:
    """Return a − b, or 0 if a − b may be a rounding error of a and b.

    Without this rule 0.3 − (0.1 + 0.2), which is the same in every pair, would count as a certain difference.
    """
    return a - b if abs(a - b) > 4 * sys.float_info.epsilon * max(abs(a), abs(b), SMALLEST) else 0.0


def standard_error(x: Moments) -> float | None:
    """Return the standard error of the mean; None for fewer than two values, or for two values equal but for rounding.

    Two rounded values may be equal by chance: in one of eight pairs, if the sd is one unit of the last digit. Three or
    more equal values give 0.
    """
    if x.sd is None or (x.n == 2 and x.sd <= ROUNDING * abs(x.mean or 0.0)):
        return None
    return x.sd / math.sqrt(x.n)


def student_p(x: Moments) -> float | None:
    """Return Student's two-sided p for a true mean of 0; None if there is no standard error.

    If the standard error is 0, p is 0, or 1 if the mean is 0, too.
    """
    error = standard_error(x)
    if error is None or x.mean is None:
        return None
    if error == 0.0:
        return 0.0 if x.mean else 1.0
    return 2.0 * float(special.stdtr(x.n - 1, -abs(x.mean / error)))


def student_interval(x: Moments, level: float) -> Interval | None:
    """Return Student's interval of the mean at the level, such as 0.95; None if there is no standard error.

    If all values are equal, both ends are the mean.
    """
    error = standard_error(x)
    if error is None or x.mean is None:
        return None
    half = critical(x.n, 1.0 - level) * error
    return x.mean - half, x.mean + half


def critical(n: int, alpha: float) -> float:
    """Return the critical |t|, which n pairs without a true difference exceed with probability alpha."""
    return -float(special.stdtrit(n - 1, alpha / 2))
