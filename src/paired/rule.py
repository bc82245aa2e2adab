"""When a verdict falls: looks, Holm's steps, and what an interval at the tested level says.

Where k looks are declared, a setting's p is k times its smallest so far, and Holm runs over the settings on these: of
all comparisons and looks together, one in twenty at most says *better* or *worse* where there is nothing. The looks
are gone through in their order, and what has fallen at one of them stays: its trials stop there.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from paired.data_types import ALPHA, BETTER, CANNOT_TELL, NO_DIFFERENCE, WORSE, Interval
from paired.statistics import Moments, holm, student_interval, student_p


class Looked(NamedTuple):
    """What decides about a setting.

    pairs    the moments of its differences, at each look that it has reached
    barred   the verdicts that its trials without a value rule out
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


def decide(settings: Sequence[Looked], looks: int, better: str, smallest_difference: float | None) -> list[Decision]:
    """Return a decision for each setting, of so many looks in all; `better` is "lower" or "higher"."""
    decisions = [Decision(CANNOT_TELL, None, 0.0, None, None)] * len(settings)
    p_values = [[student_p(pairs) for pairs in setting.pairs] for setting in settings]
    best: list[tuple[float, int | None]] = [(1.0, None)] * len(settings)  # the smallest p so far, and its look
    for look in range(looks):
        undecided = [j for j, decision in enumerate(decisions) if decision.verdict == CANNOT_TELL]
        for j in undecided:
            there = [(p, i) for i, p in enumerate(p_values[j][: look + 1]) if p is not None]
            best[j] = min(there, default=best[j])
        steps = holm([min(1.0, looks * p) for p, _ in best], ALPHA)
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
    intervals = [student_interval(pairs, level) for pairs in setting.pairs[: look + 1]]
    if smallest is not None and NO_DIFFERENCE not in setting.barred:
        for i, interval in enumerate(intervals):
            if interval is not None and -smallest < interval[0] and interval[1] < smallest:
                return NO_DIFFERENCE, i, level, interval
    if best is not None and adjusted <= ALPHA:
        lower = (setting.pairs[best].mean or 0.0) < 0.0
        verdict = BETTER if lower == (better == "lower") else WORSE
        if verdict not in setting.barred:
            return verdict, best, level, intervals[best]
    last = len(intervals) - 1
    return CANNOT_TELL, last if intervals else None, level, intervals[-1] if intervals else None
