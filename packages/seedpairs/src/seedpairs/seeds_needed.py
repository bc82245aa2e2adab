"""Estimate how many more seeds a verdict needs. The result is a range, because effect and sd are known from few seeds.

A sample *tells* (gives a verdict) at a level if Student's interval at that level excludes 0, or lies inside ± the
smallest difference that matters. Sizes are in units of the sd: θ = mean / sd of the true differences, ρ = smallest
difference / sd. The true need is the smallest number of seeds of which a sample tells with probability
POWER.
"""

import math
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from seedpairs.data_types import Moments
from seedpairs.statistics import critical, standard_error

UNKNOWN: tuple[int, int | None] = 1, None  # bounds that say nothing
POWER = 0.8
MISS_LARGEST = 0.1  # probability that the upper bound of |θ| is below the truth, for samples that do not tell
MISS_LEAST = 0.2  # probability that the lower bound is above the truth; half of that for samples that do not tell
MISS_SD = 0.05  # the same for either bound of the sd; samples that do not tell have larger sds than others
MOST_TIMES = 20  # a need above so many times the present seeds is reported as having no bound
SIZES, FINE = (1, 2, 4, 8, 16, 32, 64), 1024  # noncentralities, smallest first, as SciPy errs far out; steps of 1
FAR = 1e3  # sds: a larger size always tells
NODES, WEIGHTS = ((0.5 * x) for x in np.polynomial.legendre.leggauss(64))  # of an integral over (−½, ½)


def silence(n: int, theta: NDArray[Any], rho: float, alpha: float) -> NDArray[Any]:
    """Return the probability (k,) that n seeds do not tell, for the sizes θ (k,) and ρ = `rho`, at the level 1 − alpha.

    Let h be half of the interval's width, given the sd of the seeds. The seeds do not tell if the size of their mean is
    at most h (the interval includes 0) and at least ρ − h (the interval reaches outside ±ρ). No mean is both if h is
    below ρ / 2, so we integrate over the sds with larger h.
    """
    freedom, scale = n - 1, critical(n, alpha) / math.sqrt(n)
    below = float(special.gammainc(freedom / 2, freedom / 2 * (rho / (2 * scale)) ** 2))
    quantiles = 0.5 * (1.0 + below) + (1.0 - below) * NODES
    h = scale * np.sqrt(special.gammaincinv(freedom / 2, quantiles) * 2 / freedom)
    centre, root = np.asarray(theta)[:, None], math.sqrt(n)

    def within(x: NDArray[Any]) -> Any:
        return special.ndtr((x - centre) * root) - special.ndtr((-x - centre) * root)

    return np.asarray((1.0 - below) * ((within(h) - within(np.maximum(rho - h, 0.0))) @ WEIGHTS))


def smallest(tells: Callable[[int], bool], most: int) -> int | None:
    """Return the smallest n from 2 to `most` for which tells(n) is true, or None if tells(most) is false.

    tells(n) must be true for every larger n, too.
    """
    n = 2 + bisect_left(range(2, most + 1), True, key=tells)
    return n if n <= most else None


def more_seeds(pairs: Moments, alpha: float, smallest_difference: float | None) -> tuple[int, int | None]:
    """Return a lower and an upper bound of the number of further seeds that a verdict at the level 1 − alpha needs.

    pairs  moments of the differences so far, which give no verdict

    The upper bound is None if it is infinite or above MOST_TIMES the present number of seeds. If the sd is unknown or
    0, the bounds are UNKNOWN. In at least four of five cases the true need is between the bounds
    (benchmarks/calibration.md).
    """
    error = standard_error(pairs)
    if pairs.mean is None or pairs.sd is None or not error:
        return UNKNOWN
    n, t = pairs.n, min(abs(pairs.mean / error), FAR)
    # θ for which t is this large or larger with probability MISS_LEAST; below 0 if θ = 0 is not excluded
    largest, least = largest_size(n, t, alpha), float(special.nctdtrinc(n - 1, 1.0 - MISS_LEAST, t)) / math.sqrt(n)
    small, large = (
        pairs.sd * math.sqrt((n - 1) / (2 * special.gammaincinv((n - 1) / 2, q))) for q in (1 - MISS_SD, MISS_SD)
    )
    easy, hard = (min((smallest_difference or 0.0) / sd, FAR) for sd in (small, large))
    easiest = np.array([least, min(largest, FAR), max(least, 0.0)])
    at_least = smallest(lambda k: bool(silence(k, easiest, easy, alpha).min() <= 1.0 - POWER), MOST_TIMES * n)
    hardest = np.unique(np.linspace(least, max(least, min(largest, hard)), 33))  # above ρ a larger θ needs fewer seeds
    at_most = None
    if hard or least > 0.0:  # otherwise θ = 0 is possible, and never tells
        at_most = smallest(lambda k: bool(silence(k, hardest, hard, alpha).max() <= 1.0 - POWER), MOST_TIMES * n)
    return max(1, (at_least or MOST_TIMES * n) - n), None if at_most is None else max(1, at_most - n)


def largest_size(n: int, t: float, alpha: float) -> float:
    """Return the θ for which n pairs that do not tell have a t of at most `t` with probability MISS_LARGEST.

    The result is an upper bound of |θ|; ∞ if no bound is found. The probability is conditional on samples that do not
    tell, those with |t| below the critical value, because only such samples need more seeds.
    """
    limit = critical(n, alpha)

    def rare(size: float) -> bool:
        below, small, all_of_them = (float(special.nctdtr(n - 1, size, x)) for x in (-limit, t, limit))
        below = below if math.isfinite(below) else 0.0
        return small - below <= MISS_LARGEST * (all_of_them - below)

    high = next((size for size in SIZES if rare(size)), None)
    if high is None:
        return math.inf
    steps = range(high // 2 * FINE + 1, high * FINE)
    step = steps.start + bisect_left(steps, True, key=lambda step: rare(step / FINE))
    return step / FINE / math.sqrt(n)
