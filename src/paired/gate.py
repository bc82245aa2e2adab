"""A gate: does every setting meet a requirement, and which difference can this number of seeds detect?

A setting passes `better` when its verdict is *better*. It passes `not-worse` when its verdict is *better* or *no
difference that matters*, or when the tested interval ends below the smallest difference that matters on the worse side
(a test of non-inferiority: the other end of the interval does not matter). All settings have to pass, so the gate
passes wrongly no more often than a single setting that does not meet the requirement: in at most 2.5 % of cases, one
side of 5 %.
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
    """The result of a gate for one setting.

    setting  name of the setting
    result   PASSED, STOPPED or CANNOT_TELL
    verdict  the setting's verdict in the comparison
    n        number of pairs by which the gate decides: those of the look that decided, or of the last look reached
    finds    the true difference that the gate detects with probability POWER, at the sd of these pairs
    lets     the probability that a change without any effect passes

    finds and lets are None if the sd is unknown.
    """

    setting: str
    result: str
    verdict: str
    n: int
    finds: float | None
    lets: float | None


class Gate(NamedTuple):
    """The result of a gate.

    requirement  BETTER or NOT_WORSE
    result       PASSED if all settings pass; STOPPED if one is stopped; otherwise CANNOT_TELL
    settings     the result for each setting except the baseline
    """

    requirement: str
    result: str
    settings: list[Checked]


def gate(answer: Answer, requirement: str) -> Gate:
    """Return the gate's result for this answer and this requirement, BETTER or NOT_WORSE."""
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

    Returns False if the setting has more trials without a value than the baseline, because its worst values are
    missing. Returns False also if no interval or no smallest difference is known.
    """
    margin, interval = answer.smallest_difference, comparison.tested_interval
    if margin is None or interval is None or BETTER in comparison.barred:
        return False
    worst = interval[1] if answer.better == "lower" else -interval[0]
    return worst < margin


def _power(comparison: Contrast, smallest: float | None, requirement: str) -> tuple[float | None, float | None]:
    """Return Checked.finds and Checked.lets: the difference that the gate detects, the chance that no effect passes.

    smallest     the smallest difference that matters; None if not declared
    requirement  BETTER or NOT_WORSE

    `finds` comes from Student's noncentral t, with noncentrality √n · finds / sd, at the tested level; it is never
    below `smallest`. `lets` comes from it only for NOT_WORSE with a declared `smallest`; otherwise it is one side of
    the test, (1 − level) / 2. If the sd is zero, `lets` is 1. Both are None if the sd is unknown, if there are fewer
    than two pairs, or if no look is reached.
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
    """Return the gate's result as text: a line for the requirement and the result, and a line for each setting."""
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
