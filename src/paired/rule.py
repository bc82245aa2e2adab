"""When a verdict falls: looks, Holm's steps, and what an interval at the tested level says.

Where k looks are declared, a p is k times its smallest so far, and the level is shared on these: of all comparisons
and looks together, one in twenty at most says *better* or *worse* where there is nothing. The looks are gone through in
their order, and what has fallen at one of them stays.
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
    """What decides about a contrast.

    pairs     the moments of its differences, at each look that it has reached
    barred    the verdicts that may not be said of it
    contrast  itself, without a decision
    """

    pairs: Sequence[Moments]
    barred: Collection[str] = ()
    contrast: Contrast = Contrast(ALONE)


def looked(contrast: Contrast, firsts: Iterable[Iterable[Seed]], barred: Collection[str]) -> Looked:
    """Return the contrast as its looks see it, each of which has these first seeds."""
    own = contrast.differences
    return Looked([moments(own[seed] for seed in first if seed in own) for first in firsts], barred, contrast)


class Decision(NamedTuple):
    """A verdict, and what it hangs on.

    look            the place of the look that decided, or of the last one reached; None where none is
    level, interval as tested: after looks and Holm
    adjusted_p      likewise; None where there is no p
    """

    verdict: str
    look: int | None
    level: float
    interval: Interval | None
    adjusted_p: float | None


def decide(
    settings: Sequence[Looked], looks: int, better: str, smallest_difference: float | None, family: Family | None = None
) -> list[Decision]:
    """Return a decision for each, of so many looks in all.

    better  "lower" or "higher"
    family  how they share the level; equally, if not said
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
            there = [(p, i) for i, p in enumerate(p_values[j][: look + 1]) if p is not None]
            best[j] = min(there, default=best[j])
        steps = family.steps([min(1.0, looks * p) for p, _ in best], ALPHA)
        for j in undecided:
            (adjusted, left), at = steps[j], best[j][1]
            level = 1.0 - ALPHA / (looks * left)
            said = _said(settings[j], look, at, adjusted, level, better, smallest_difference)
            decisions[j] = Decision(*said, None if at is None else adjusted)
    return decisions


def _said(
    setting: Looked, look: int, best: int | None, adjusted: float, level: float, better: str, smallest: float | None
) -> tuple[str, int | None, float, Interval | None]:
    """Return verdict, look, level and interval of a setting after this look."""
    tested = setting.pairs[: look + 1] if level < 1.0 else ()  # without a share of the level nothing is tested
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
    """Return which verdict a small p would be. One that may not be said has no p, and leaves no share to others."""
    return BETTER if ((pairs.mean or 0.0) < 0.0) == (better == "lower") else WORSE


def decided(of: Looked, decision: Decision) -> Contrast:
    """Return the contrast with its verdict, and the numbers of the look at which that fell.

    Without a verdict they are those of all pairs. What came after the verdict is `later`.
    """
    whole, at = moments(of.contrast.differences.values()), decision.look
    counts = whole if at is None or decision.verdict == CANNOT_TELL else of.pairs[at]
    later = None
    if counts.n < whole.n and whole.mean is not None:
        later = Later(whole.n, whole.mean, student_interval(whole, LEVEL))
    return of.contrast._replace(
        n=counts.n, mean_difference=counts.mean, sd=counts.sd, interval=student_interval(counts, LEVEL),
        tested_level=decision.level, tested_interval=decision.interval, p=student_p(counts),
        adjusted_p=decision.adjusted_p, verdict=decision.verdict, later=later,
    )  # fmt: skip
