"""The decision rule: looks, the shared level, and the interval at the tested level.

With k declared looks a p counts k times, at its smallest so far, and all looks share the level: over all comparisons
and looks together, at most one answer in twenty says *better* or *worse* without a true difference. The looks are
tested in their order, and a verdict of one look is final.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from paired.data_types import (
    ALONE,
    ALPHA,
    BETTER,
    CANNOT_TELL,
    LEVEL,
    NO_DIFFERENCE,
    WORSE,
    Contrast,
    Interval,
    Later,
    Seed,
)
from paired.family import Family, equal
from paired.statistics import Moments, moments, student_interval, student_p


class Looked(NamedTuple):
    """A contrast with its data at each look.

    pairs     the moments of its differences, at each look that it has reached
    barred    the verdicts that are excluded
    contrast  the contrast without a decision
    """

    pairs: Sequence[Moments]
    barred: Collection[str] = ()
    contrast: Contrast = Contrast(ALONE)


def looked(contrast: Contrast, firsts: Iterable[Iterable[Seed]], barred: Collection[str]) -> Looked:
    """Return the contrast with the moments of its differences at each look, given the seeds of each look."""
    own = contrast.differences
    return Looked([moments(own[seed] for seed in first if seed in own) for first in firsts], barred, contrast)


class Decision(NamedTuple):
    """A verdict and the numbers behind it.

    look            index of the look that decided, or of the last one reached; None if none is reached
    level, interval after correction for looks and several tests
    adjusted_p      the p after the same correction; None if no p is defined
    """

    verdict: str
    look: int | None
    level: float
    interval: Interval | None
    adjusted_p: float | None


def decide(
    settings: Sequence[Looked], looks: int, better: str, smallest_difference: float | None, family: Family | None = None
) -> list[Decision]:
    """Return a decision for each contrast.

    looks   the number of declared looks, or 1
    better  "lower" or "higher"
    family  how the contrasts share the level; equally if None
    """
    family = family or equal(len(settings))
    decisions = [Decision(CANNOT_TELL, None, 0.0, None, None)] * len(settings)
    p_values = [
        [None if direction(pairs, better) in setting.barred else student_p(pairs) for pairs in setting.pairs]
        for setting in settings
    ]
    best: list[tuple[float, int | None]] = [(1.0, None)] * len(settings)  # the smallest p so far, and its look
    for look in range(looks):
        undecided = [j for j, decision in enumerate(decisions) if decision.verdict == CANNOT_TELL]
        for j in undecided:
            candidates = [(p, i) for i, p in enumerate(p_values[j][: look + 1]) if p is not None]
            best[j] = min(candidates, default=best[j])
        steps = family.steps([min(1.0, looks * p) for p, _ in best], ALPHA)
        for j in undecided:
            (adjusted, left), at = steps[j], best[j][1]
            level = 1.0 - ALPHA / (looks * left)
            result = _result(settings[j], look, at, adjusted, level, better, smallest_difference)
            decisions[j] = Decision(*result, None if at is None else adjusted)
    return decisions


def _result(
    setting: Looked, look: int, best: int | None, adjusted: float, level: float, better: str, smallest: float | None
) -> tuple[str, int | None, float, Interval | None]:
    """Return verdict, index of the look, level and interval of a contrast after this look."""
    tested = setting.pairs[: look + 1] if level < 1.0 else ()  # level 1: the contrast has no share of ALPHA yet
    intervals = [student_interval(pairs, level) for pairs in tested]
    if NO_DIFFERENCE not in setting.barred:
        for i, interval in enumerate(intervals):
            if interval == (0.0, 0.0) or (smallest and interval and -smallest < interval[0] and interval[1] < smallest):
                return NO_DIFFERENCE, i, level, interval
    if best is not None and adjusted <= ALPHA:
        return direction(setting.pairs[best], better), best, level, intervals[best]
    last = len(intervals) - 1
    return CANNOT_TELL, last if intervals else None, level, intervals[-1] if intervals else None


def direction(pairs: Moments, better: str) -> str:
    """Return BETTER or WORSE by the sign of the mean. A barred direction gets no p, and so passes no share on."""
    return BETTER if ((pairs.mean or 0.0) < 0.0) == (better == "lower") else WORSE


def decided(of: Looked, decision: Decision) -> Contrast:
    """Return the contrast with its verdict, and with the numbers of the look that decided.

    Without a verdict the numbers are those of all pairs. If pairs came after the deciding look, `later` has all pairs.
    """
    whole, at = moments(of.contrast.differences.values()), decision.look
    counts = whole if at is None or decision.verdict == CANNOT_TELL else of.pairs[at]
    later = None
    if counts.n < whole.n and whole.mean is not None:
        later = Later(whole.n, whole.mean, student_interval(whole, LEVEL))
    tested = Moments(0, None, None) if at is None else of.pairs[at]
    return of.contrast._replace(
        tested_n=tested.n, tested_sd=tested.sd, barred=tuple(sorted(of.barred)),
        n=counts.n, mean_difference=counts.mean, sd=counts.sd, interval=student_interval(counts, LEVEL),
        tested_level=decision.level, tested_interval=decision.interval, p=student_p(counts),
        adjusted_p=decision.adjusted_p, verdict=decision.verdict, later=later,
    )  # fmt: skip
