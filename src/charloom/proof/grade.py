"""Grade how far rebuilt results are from the committed ones."""

import json
import math
import re
from contextlib import suppress

from charloom.core.settings.records import MEASURE
from charloom.proof.outputs import Result

TOLERANCE = 1e-6  # relative
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|-?Infinity|NaN")
MATTERS = 0.01  # bits per character: the smallest difference that matters to a reader
SAMPLES, METRICS = "reports/sample_table", "metrics/train"  # values of Output.key
NEAR = f"within {TOLERANCE:g} of the committed one, relative to it"
MEANINGS = {
    "the same bits": "every result is equal to the last bit",
    "the same text": f"every sample is the same, and every figure {NEAR}",
    "within tolerance": f"every figure is {NEAR}; samples are not, or not known",
    "the same conclusion": f"held-out text costs the same within {MATTERS:g} bits per character; figures differ",
    "another result": "the cost of held-out text differs by more, or is not known",
}  # from the smallest distance to the largest: the first one that holds is the grade
SAME_BITS, SAME_TEXT, WITHIN, SAME_CONCLUSION, ANOTHER = MEANINGS


def grade(results: list[Result]) -> str:
    """Return the first key of MEANINGS whose sentence holds for the results. Only outputs in Git count as figures."""
    if all(result.same for result in results):
        return SAME_BITS
    figures = [result for result in results if result.output.in_git]
    if all(_is_near(result.committed, result.rebuilt) for result in figures):
        return SAME_TEXT if all(result.same for result in results if result.output.key == SAMPLES) else WITHIN
    costs = [math.nan]
    with suppress(ValueError, LookupError, TypeError, ArithmeticError, RecursionError):  # not as the stage writes them
        (metrics,) = (result for result in figures if result.output.key == METRICS)
        costs = [float(json.loads(*files.values())[MEASURE]) for files in (metrics.committed, metrics.rebuilt)]
    return SAME_CONCLUSION if abs(costs[0] - costs[-1]) <= MATTERS else ANOTHER


def _is_near(committed: dict[str, bytes], rebuilt: dict[str, bytes]) -> bool:
    """Return whether the files are equal, except spaces and numbers whose relative difference is at most TOLERANCE."""
    one, other = (b"\n".join(files.values()) for files in (committed, rebuilt))
    words = [NUMBER.sub(b"0", side).split() for side in (one, other)]
    if committed.keys() != rebuilt.keys() or words[0] != words[1]:
        return False
    pairs = zip(*(map(float, NUMBER.findall(side)) for side in (one, other)), strict=True)
    return all(first == second or math.isclose(first, second, rel_tol=TOLERANCE) for first, second in pairs)
