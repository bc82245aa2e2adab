"""A gate: does every setting meet a requirement, and which difference could so many seeds detect?

A setting passes `better` when its verdict is *better*. It passes `not-worse` when its verdict is *better* or *no
difference that matters*, or when the tested interval ends below the smallest difference that matters on the worse side
(a test of non-inferiority: the other end of the interval does not matter). All settings have to pass, so the gate
passes wrongly no more often than the one setting that should have stopped it: in 2.5 % of cases, one side of 5 %.
"""

import math
from typing import NamedTuple

from scipy import special

from paired.data_types import BETTER, CANNOT_TELL, NO_DIFFERENCE, WORSE, Answer, Contrast
from paired.seeds_needed import POWER
from paired.statistics import critical

NOT_WORSE = "not-worse"
PASSED, STOPPED = "passed", "stopped"  # or CANNOT_TELL


class Checked(NamedTuple):
    """A setting at the gate.

    result  PASSED, STOPPED or CANNOT_TELL
    verdict as in the comparison
    n       pairs of the last look that was reached, by which the gate decides
    finds   the true difference that the gate detects with probability POWER, at the sd of these pairs
    lets    the probability that a change without any effect passes; `finds` and `lets` are None if the sd is unknown
    """

    setting: str
    result: str
    verdict: str
    n: int
    finds: float | None
    lets: float | None


class Gate(NamedTuple):
    """The requirement, the result over all settings, and the settings."""

    requirement: str
    result: str
    settings: list[Checked]


def gate(answer: Answer, requirement: str) -> Gate:
    """Check the requirement, BETTER or NOT_WORSE, against the answer."""
    settings = [
        Checked(
            comparison.setting, _result(answer, comparison, requirement), comparison.verdict, comparison.tested_n,
            *_power(comparison, answer.smallest_difference, requirement),
        )
        for comparison in answer.comparisons
    ]  # fmt: skip
    results = {setting.result for setting in settings}
    result = STOPPED if STOPPED in results else CANNOT_TELL if CANNOT_TELL in results else PASSED
    return Gate(requirement, result, settings)


def _result(answer: Answer, comparison: Contrast, requirement: str) -> str:
    if comparison.verdict == WORSE or (comparison.verdict == NO_DIFFERENCE and requirement == BETTER):
        return STOPPED
    if comparison.verdict != CANNOT_TELL or (requirement == NOT_WORSE and _not_inferior(answer, comparison)):
        return PASSED
    return CANNOT_TELL


def _not_inferior(answer: Answer, comparison: Contrast) -> bool:
    """Return whether the tested interval excludes a difference on the worse side that matters.

    Return False if the setting has lost more trials than the baseline: its worst values are missing.
    """
    margin, interval = answer.smallest_difference, comparison.tested_interval
    if margin is None or interval is None or BETTER in comparison.barred:
        return False
    worst = interval[1] if answer.better == "lower" else -interval[0]
    return worst < margin


def _power(comparison: Contrast, smallest: float | None, requirement: str) -> tuple[float | None, float | None]:
    """Return the difference that the gate detects with probability POWER, and the probability that no effect passes.

    Both are from Student's noncentral t, with noncentrality √n · difference / sd, at the tested level. The first is at
    least the smallest difference that matters. Both are None if the sd is unknown.
    """
    n, sd, alpha = comparison.tested_n, comparison.tested_sd, 1.0 - comparison.tested_level
    if n < 2 or sd is None or not 0.0 < alpha < 1.0:
        return None, None
    limit = critical(n, alpha)
    finds = max(sd * float(special.nctdtrinc(n - 1, 1.0 - POWER, limit)) / math.sqrt(n), smallest or 0.0)
    if not sd:
        return finds, 1.0
    if requirement == BETTER or smallest is None:
        return finds, alpha / 2
    stopped = float(special.nctdtr(n - 1, math.sqrt(n) * smallest / sd, limit))
    return finds, 1.0 - (stopped if math.isfinite(stopped) else 0.0)  # SciPy returns NaN for a probability near 0


def lines(gate: Gate) -> list[str]:
    """Return the gate as text: a line for the requirement and its result, and a line for each setting."""
    asked = "better" if gate.requirement == BETTER else "not worse"
    head = f"Required: {asked} than the baseline. {gate.result[0].upper()}{gate.result[1:]}."
    return [head, *(_line(setting, gate.requirement) for setting in gate.settings)]


def _line(checked: Checked, requirement: str) -> str:
    why = "" if checked.result == checked.verdict else f" ({checked.verdict})"
    setting = f"{checked.setting}: {checked.result}{why}"
    if checked.finds is None or checked.lets is None:
        return f"{setting}; the power of the gate is unknown: no look is reached, or there are fewer than two pairs"
    power = f"with {checked.n} seeds the gate finds a difference of {checked.finds:.2g} with probability {POWER:g}"
    if requirement == BETTER:
        return f"{setting}; {power}"
    return f"{setting}; {power}, and lets a change without effect pass with probability {checked.lets:.2g}"
