"""Grade how far rebuilt results are from the committed ones."""

import math
from typing import Any

from charloom.proof.differences import values
from charloom.proof.outputs import Result
from charloom.results.records import MEASURE

TOLERANCE = 1e-6  # relative
INTEGER_LIMIT = 2**1000  # integers below it fit a float
MATTERS = 0.01  # bits per character: the smallest difference that matters to a reader
SAMPLES, METRICS = "reports/sample_table", "metrics/train"  # values of Output.key
SAME_BITS, SAME_TEXT, WITHIN, SAME_CONCLUSION, ANOTHER = (
    "the same bits", "the same text", "within tolerance", "the same conclusion", "another result",
)  # fmt: skip
MEANINGS = {
    SAME_BITS: "every result is equal to the last bit",
    SAME_TEXT: f"every sample is the same, and every figure within {TOLERANCE:g} of the committed one, relative to it",
    WITHIN: f"every figure is within {TOLERANCE:g} of the committed one, relative to it; samples are not, or not known",
    SAME_CONCLUSION: f"held-out text costs the same within {MATTERS:g} bits per character; figures differ",
    ANOTHER: "the cost of held-out text differs by more, or is not known",
}  # from the smallest distance to the largest: the first one that holds is the grade


def grade(results: list[Result]) -> str:
    """Return the first key of MEANINGS whose sentence holds for the results. Only outputs in Git count as figures."""
    if all(result.same for result in results):
        return SAME_BITS
    figures = {
        result.output.key: (values(result.committed), values(result.rebuilt))
        for result in results
        if result.output.in_git
    }
    if all(_are_near(*pair) for pair in figures.values()):
        return SAME_TEXT if all(result.hash_same for result in results if result.output.key == SAMPLES) else WITHIN
    metrics = [item for side in figures.get(METRICS, ()) for item in side.items()]
    costs = [cost for key, cost in metrics if key.endswith(f": {MEASURE}") and _is_number(cost)]
    return SAME_CONCLUSION if len(costs) == 2 and abs(costs[0] - costs[1]) <= MATTERS else ANOTHER


def _are_near(committed: dict[str, Any], rebuilt: dict[str, Any]) -> bool:
    return committed.keys() == rebuilt.keys() and all(_is_near(value, rebuilt[key]) for key, value in committed.items())


def _is_near(one: Any, other: Any) -> bool:
    return one == other or (_is_number(one) and _is_number(other) and math.isclose(one, other, rel_tol=TOLERANCE))


def _is_number(value: Any) -> bool:
    """Return whether the value is a number that fits a float."""
    return isinstance(value, int | float) and abs(value) < INTEGER_LIMIT
