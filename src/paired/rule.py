"""The decision rule: looks, the shared level, and the interval at the tested level. data_types.py defines these terms.

All looks share the level: with k declared looks the smallest p so far is multiplied by k. So over all comparisons and
looks together, at most one answer in twenty says *better* or *worse* without a true difference. The looks are tested in
their order, and a verdict is final.
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
    """A contrast with its data at each look, before a decision.

    pairs     the moments of its differences, at each look that it has reached
    barred    the verdicts that are excluded because trials have no value
    contrast  the contrast without a decision
    """

    pairs: Sequence[Moments]
    barred: Collection[str] = ()
    contrast: Contrast = Contrast(ALONE)


def looked(contrast: Contrast, firsts: Iterable[Iterable[Seed]], barred: Collection[str]) -> Looked:
    """Return the contrast with the moments of its differences at each look.

    firsts  the seeds of each look that is reached
    barred  the verdicts that are excluded
    """
    own = contrast.differences
    return Looked([moments(own[seed] for seed in first if seed in own) for first in firsts], barred, contrast)


class Decision(NamedTuple):
    """A verdict and the numbers behind it.

    verdict     one of VERDICTS
    look        index of the look that decided, or of the last look reached; None if no look is reached
    level       the tested level, corrected for looks and several tests; 1 if the contrast has no share of ALPHA
    interval    Student's interval at that level; None if undefined
    adjusted_p  the p after the same correction; None if no p is defined
    """

    verdict: str
    look: int | None
    level: float
    interval: Interval | None
    adjusted_p: float | None


def decide(
    settings: Sequence[Looked], looks: int, better: str, smallest_difference: float | None, family: Family | None = None
) -> list[Decision]:
    """Return a decision on each contrast, of settings or effects.

    looks                the number of declared looks, or 1
    better               "lower" or "higher"
    smallest_difference  the smallest difference that matters; None if not declared
    family               how the contrasts share the level; None: equally
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
    """Return verdict, index of the look, level and interval of a contrast, when the look with index `look` is tested.

    best      index of the look with the smallest p so far; None if no p is defined
    adjusted  that p after correction
    level     the tested level; 1 if the contrast has no share of ALPHA
    smallest  the smallest difference that matters; None if not declared
    """
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
    """Return BETTER or WORSE by the sign of the mean; better is "lower" or "higher". A mean of 0 counts as higher."""
    return BETTER if ((pairs.mean or 0.0) < 0.0) == (better == "lower") else WORSE


def decided(of: Looked, decision: Decision) -> Contrast:
    """Return the contrast with its verdict, and with the numbers of the look that decided.

    Without a verdict its numbers are those of all pairs. If there are pairs after the deciding look, `later` has the
    numbers of all pairs.
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
