"""A gate: does every setting meet a requirement?

A setting passes `better` when its verdict is *better*. It passes `not-worse` when its verdict is *better* or *no
difference that matters*, or when the tested interval ends below the smallest difference that matters on the worse side
(a test of non-inferiority: the other end of the interval does not matter). All settings have to pass, so the gate
passes wrongly no more often than a single setting that does not meet the requirement: in at most 2.5 % of cases (one
side of a two-sided test at 5 %).
"""

from typing import NamedTuple

from seedpairs.data_types import BETTER, CANNOT_TELL, NO_DIFFERENCE, WORSE, Analysis, Contrast

NOT_WORSE = "not-worse"
PASSED, STOPPED = "passed", "stopped"  # or CANNOT_TELL


class GateResult(NamedTuple):
    """Whether one setting meets the requirement: PASSED, STOPPED (it does not) or CANNOT_TELL; and its verdict."""

    setting: str
    result: str
    verdict: str


class Gate(NamedTuple):
    """Whether every setting is better, or not worse, than the baseline.

    requirement  BETTER or NOT_WORSE
    result       STOPPED if a setting does not meet the requirement; CANNOT_TELL if that is open; otherwise PASSED
    settings     the result for each setting except the baseline
    """

    requirement: str
    result: str
    settings: list[GateResult]


def gate(analysis: Analysis, requirement: str) -> Gate:
    """Return the gate's result for this answer and this requirement, BETTER or NOT_WORSE."""
    settings = [GateResult(x.setting, _result(analysis, x, requirement), x.verdict) for x in analysis.comparisons]
    results = {setting.result for setting in settings}
    result = STOPPED if STOPPED in results else CANNOT_TELL if CANNOT_TELL in results else PASSED
    return Gate(requirement, result, settings)


def _result(analysis: Analysis, comparison: Contrast, requirement: str) -> str:
    """Return the gate's result for one setting. Without a verdict, NOT_WORSE needs a test of non-inferiority.

    That test passes if the tested interval excludes a difference on the worse side that matters. It does not pass if
    the setting has more trials without a value than the baseline, because its worst values are missing.
    """
    if comparison.verdict == WORSE or (comparison.verdict == NO_DIFFERENCE and requirement == BETTER):
        return STOPPED
    if comparison.verdict != CANNOT_TELL:
        return PASSED
    margin, interval = analysis.smallest_difference, comparison.tested_interval
    if requirement == BETTER or margin is None or interval is None or BETTER in comparison.barred:
        return CANNOT_TELL
    worst = interval[1] if analysis.better == "lower" else -interval[0]
    return PASSED if worst < margin else CANNOT_TELL


def lines(gate: Gate) -> list[str]:
    """Return the gate's result as text: a line for the requirement and the result, and a line for each setting."""
    requirement = "better" if gate.requirement == BETTER else "not worse"
    return [
        f"Required: {requirement} than the baseline. {gate.result[0].upper()}{gate.result[1:]}.",
        *(f"{x.setting}: {x.result}" + f" ({x.verdict})" * (x.result != x.verdict) for x in gate.settings),
    ]
