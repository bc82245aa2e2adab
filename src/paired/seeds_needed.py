"""How many more seeds would tell: a range, since effect and sd are themselves known from few seeds alone.

A test at a level tells, where Student's interval at that level excludes 0, or lies inside ± the smallest difference
that matters. A size is θ = mean / sd of the true differences, ρ = smallest difference / sd. The true need is the
smallest number of seeds that tells with probability POWER.
"""

import math
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from paired.statistics import Moments, critical, standard_error

POWER = 0.8
MISS_LARGEST = 0.1  # how often the upper bound of |θ| may lie below the truth, among samples that do not tell
MISS_LEAST = 0.2  # how often the lower one may lie above it; among samples that do not tell it is half as often
MISS_SD = 0.05  # either bound of the sd; samples that do not tell have larger sds than others
MOST = 20  # times the seeds there are: what may need more has no bound worth the name
SIZES, FINE = (1, 2, 4, 8, 16, 32, 64), 1024  # of a noncentrality, from near, as SciPy errs far out; and steps of 1
FAR = 1e3  # sds: what is farther away tells at once
NODES, WEIGHTS = ((0.5 * x) for x in np.polynomial.legendre.leggauss(64))  # of an integral over (−½, ½)


def silence(n: int, theta: NDArray[Any], rho: float, alpha: float) -> NDArray[Any]:
    """Return how likely n seeds do not tell, for each size θ (k,), at the level 1 − alpha.

    Given the sd of the seeds, half an interval is h. Their mean tells nothing where it is at most h (0 is inside) and
    at least ρ − h (it reaches out of ±ρ): nowhere, for h below ρ / 2. So we integrate over the sds with h above it.
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
    """Return the smallest number of seeds that tells, where more seeds tell more; None where `most` do not."""
    n = 2 + bisect_left(range(2, most + 1), True, key=tells)
    return n if n <= most else None


def more_seeds(pairs: Moments, alpha: float, smallest_difference: float | None) -> tuple[int, int | None]:
    """Return at least and at most how many more seeds a test at 1 − alpha needs, where these pairs have not told.

    `at most` is None where nothing bounds the need, or not below MOST times the seeds there are. In at least four of
    five cases the true need lies inside (benchmarks/calibration.md).
    """
    error = standard_error(pairs)
    if pairs.mean is None or pairs.sd is None or not error:
        return 1, None
    n, t = pairs.n, min(abs(pairs.mean / error), FAR)
    largest, least = largest_size(n, t, alpha), least_size(n, t)
    small, large = (
        pairs.sd * math.sqrt((n - 1) / (2 * special.gammaincinv((n - 1) / 2, q))) for q in (1 - MISS_SD, MISS_SD)
    )
    easy, hard = (min((smallest_difference or 0.0) / sd, FAR) for sd in (small, large))
    easiest = np.array([least, min(largest, FAR), max(least, 0.0)])
    at_least = smallest(lambda k: bool(silence(k, easiest, easy, alpha).min() <= 1.0 - POWER), MOST * n)
    hardest = np.unique(np.linspace(least, max(least, min(largest, hard)), 33))  # beyond ρ a larger one needs fewer
    at_most = None
    if hard or least > 0.0:  # no difference at all would never be told
        at_most = smallest(lambda k: bool(silence(k, hardest, hard, alpha).max() <= 1.0 - POWER), MOST * n)
    return max(1, (at_least or MOST * n) - n), None if at_most is None else max(1, at_most - n)


def least_size(n: int, t: float) -> float:
    """Return the θ below which a |t| as large as this is rarer than MISS_LEAST; negative where 0 is not below it."""
    return float(special.nctdtrinc(n - 1, 1.0 - MISS_LEAST, t)) / math.sqrt(n)


def largest_size(n: int, t: float, alpha: float) -> float:
    """Return the θ above which a t as small as this is rarer than MISS_LARGEST, among those that do not tell.

    Only who cannot tell asks for more seeds. A large θ rarely ends among them, and then with a t that is too small: so
    its t is compared with those below the critical one alone.
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
