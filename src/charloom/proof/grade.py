"""How near the results come to the committed ones, where they are not the same bits."""

import json
import math

from charloom.proof.differences import numbers
from charloom.proof.outputs import Made
from charloom.results.records import MEASURE

TOLERANCE = 1e-6  # relative
MATTERS = 0.01  # bits per character: a difference that a reader would care about
SAMPLES, METRICS = "reports/sample_table", "metrics/train"  # keys of outputs

SAME_BITS, SAME_TEXT, WITHIN, SAME_CONCLUSION, ANOTHER = (
    "the same bits", "the same text", "within tolerance", "the same conclusion", "another result",
)  # fmt: skip
MEANINGS = {
    SAME_BITS: "every result is equal to the last bit",
    SAME_TEXT: f"every sample is the same, and every figure within {TOLERANCE:g} of the committed one, relative to it",
    WITHIN: f"every figure is within {TOLERANCE:g} of the committed one, relative to it; samples are not, or not known",
    SAME_CONCLUSION: f"held-out text costs the same within {MATTERS:g} bits per character; figures differ",
    ANOTHER: "held-out text does not cost the same, or it cannot be said",
}  # from the nearest on; each includes those before it


def grade(made: list[Made]) -> str:
    """Return the first of MEANINGS that holds. Figures are those of the results that lie in Git."""
    made = [each for each in made if not each.output.varies]
    if all(each.same for each in made):
        return SAME_BITS
    figures = [each for each in made if each.output.in_git]
    if all(_within(each, name) for each in figures for name in each.committed | each.rebuilt):
        return SAME_TEXT if all(each.hash_same for each in made if each.output.key == SAMPLES) else WITHIN
    costs = next(([_cost(each.committed), _cost(each.rebuilt)] for each in figures if each.output.key == METRICS), [])
    known = [cost for cost in costs if cost is not None]
    return SAME_CONCLUSION if len(known) == 2 and abs(known[0] - known[1]) <= MATTERS else ANOTHER


def _within(made: Made, name: str) -> bool:
    """Return whether every number of the file is near the committed one."""
    try:
        one, other = (numbers(name, contents[name]) for contents in (made.committed, made.rebuilt))
    except (LookupError, ValueError):
        return False
    return one.keys() == other.keys() and all(math.isclose(one[key], other[key], rel_tol=TOLERANCE) for key in one)


def _cost(contents: dict[str, bytes]) -> float | None:
    """Return what held-out text costs, in bits per character, where the metrics say it."""
    try:
        (content,) = contents.values()
        return float(json.loads(content)[MEASURE])
    except (ValueError, LookupError, TypeError):
        return None
