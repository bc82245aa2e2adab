"""Statistics of few numbers: Student's t, the exact sign flip, Boschloo's test and Holm's steps.

Nothing is bootstrapped: with three to ten pairs a bootstrap gives 9 to 27 false alarms in a hundred where it promises
five, and Student's t five, for pairs of unequal spread too (benchmarks/calibration.md). Functions take and give plain
numbers; a size (a mean, an interval) is in units of what it is given. None stands where nothing is defined, never NaN.
"""

import math
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from paired.data_types import Interval

LARGEST = 1e300  # what is larger is no result, and would overflow
FLIPPED = (6, 30)  # numbers of pairs for the exact sign flip: fewer cannot reach 0.05, more are too many to count
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


def welch_interval(a: Moments, b: Moments, level: float) -> Interval | None:
    """Return Welch's interval of the mean of a minus that of b, unpaired; None where a side has fewer than two."""
    if a.mean is None or a.sd is None or b.mean is None or b.sd is None:
        return None
    u, v = a.sd / math.sqrt(a.n), b.sd / math.sqrt(b.n)
    error = math.hypot(u, v)
    if error == 0.0:
        return None
    freedom = 1.0 / ((u / error) ** 4 / (a.n - 1) + (v / error) ** 4 / (b.n - 1))
    half = -float(special.stdtrit(freedom, (1.0 - level) / 2)) * error
    return a.mean - b.mean - half, a.mean - b.mean + half


def correlation(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Return Pearson's, from three pairs on (two always give 1 or −1); None where a side has no spread."""
    if len(a) < 3:
        return None
    sides = [np.ldexp(side, -math.frexp(max(map(abs, side)))[1]) for side in (a, b)]
    u, v = (side - side.mean() for side in sides)
    length = math.sqrt(u @ u) * math.sqrt(v @ v)
    return min(1.0, max(-1.0, float(u @ v) / length)) if length else None


def sign_flip_p(x: Sequence[float]) -> float | None:
    """Return the exact two-sided p of the mean, over all 2ⁿ signs that the differences could have had.

    None for fewer than 6, which cannot reach 0.05 (2 / 2⁵ = 0.0625), and for more than 30. The sums of the two halves
    are counted against each other, so that 2^(n / 2) are enough.
    """
    if not FLIPPED[0] <= len(x) <= FLIPPED[1]:
        return None
    largest = max(map(abs, x)) or 1.0
    sizes = np.abs(x) / largest
    reached = abs(float(np.sum(np.asarray(x) / largest))) - 1e-12 * len(x)  # sums that are equal but for rounding count
    if reached <= 0.0:
        return 1.0
    left, right = (_signed_sums(half) for half in np.array_split(sizes, 2))
    above = len(right) - np.searchsorted(np.sort(right), reached - left)
    return 2.0 * float(above.sum()) / 2.0 ** len(x)  # as many sums lie below −reached


def _signed_sums(x: NDArray[Any]) -> NDArray[Any]:
    """Return the 2ⁿ sums of ±x."""
    sums = np.zeros(1)
    for each in x:
        sums = np.concatenate([sums - each, sums + each])
    return sums


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
