"""When a verdict falls: looks, Holm's steps, and what an interval at the tested level says.

Where k looks are declared, a p is k times its smallest so far, and the level is shared on these: of all comparisons
and looks together, one in twenty at most says *better* or *worse* where there is nothing. The looks are gone through in
their order, and what has fallen at one of them stays.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from paired.data_types import ALPHA, BETTER, CANNOT_TELL, NO_DIFFERENCE, WORSE, Interval
from paired.family import Family, equal
from paired.statistics import Moments, student_interval, student_p


class Looked(NamedTuple):
    """What decides about a setting, or an effect.

    pairs    the moments of its differences, at each look that it has reached
    barred   the verdicts that may not be said of it
    """

    pairs: Sequence[Moments]
    barred: Collection[str] = ()


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
        [] if {BETTER, WORSE} <= {*setting.barred} else [student_p(pairs) for pairs in setting.pairs]
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
        lower = (setting.pairs[best].mean or 0.0) < 0.0
        verdict = BETTER if lower == (better == "lower") else WORSE
        if verdict not in setting.barred:
            return verdict, best, level, intervals[best]
    last = len(intervals) - 1
    return CANNOT_TELL, last if intervals else None, level, intervals[-1] if intervals else None
