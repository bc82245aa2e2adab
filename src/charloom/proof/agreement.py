"""Find the results in which two runs disagree, and measure how far: from equal bits to another conclusion."""

import json
import math
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from typing import Any

from charloom.core.config.pipeline import LOCK
from charloom.core.config.records import DEFAULT_MEASURE
from charloom.results.run import Run
from dvc_proof.data import contents
from dvc_proof.differences import DIFFERENT
from dvc_proof.verify import VerificationReport

TOLERANCE = 1e-6  # relative
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|-?Infinity|NaN")
MATTERS = 0.01  # bits per character: the smallest difference that matters to a reader
SAMPLES, METRICS = "reports/sample_table.json", "metrics/train.json"  # end the paths of these outputs
HASHES = "metrics/results.json"  # ends the path of the output whose hashes differ whenever a bit differs
NEAR = f"within {TOLERANCE:g} of the committed one, relative to it"
MEANINGS = {
    "the same bits": "every result is equal to the last bit",
    "the same text": f"every sample is the same, and every figure {NEAR}",
    "within tolerance": f"every figure is {NEAR}; samples are not, or not known",
    "the same conclusion": f"held-out text costs the same within {MATTERS:g} bits per character; figures differ",
    "another result": "the cost of held-out text differs by more, or is not known",
}  # from the smallest distance to the largest: the first one that holds is the agreement
SAME_BITS, SAME_TEXT, WITHIN, SAME_CONCLUSION, ANOTHER = MEANINGS

ROUNDS = "the bits differ: network/ was edited, or this machine or its versions round differently"


def agreed(costs: Sequence[float | None], networks: Collection[str]) -> str:
    """Return a line if two runs by different code of network/ differ by at most MATTERS in their cost; else "".

    costs     the held-out costs of both runs, in bits per character; None if unknown
    networks  for each run, the digest of what network/ computes: see ResultsRecord. If the digests are equal, or one is
              "" because the compiled kernel trained, the bits have to be equal, and the result is ""
    """
    first, second = (math.nan if cost is None else cost for cost in costs)
    if "" in networks or len({*networks}) == 1 or not abs(first - second) <= MATTERS:
        return ""
    return f"agrees: held-out {first:.6g} and {second:.6g} bits per character; {ROUNDS}"


def conflicts(first: Run, second: Run) -> Iterator[tuple[str, Any, Any]]:
    """Yield (name, first value, second value) of each result that both runs have with different values.

    The results are the held-out bits per character, the outcome, the hash of weights and trace, and the other metrics.
    """
    first_results, second_results = (
        {DEFAULT_MEASURE: None, "outcome": run.outcome, "results": run.results or None} | dict(run.metrics or {})
        for run in (first, second)
    )
    for name, value in first_results.items():
        if None not in (value, second_results.get(name)) and value != second_results[name]:
            yield name, value, second_results[name]


def agreement_of(result: VerificationReport) -> str:
    """Return how far the results agree: the first key of MEANINGS that holds.

    Figures are numbers in outputs in Git, without the hashes in HASHES.
    """
    rows = [row for row in result.rows if row.file != str(LOCK)]
    apart = [row.file for row in rows if row.result == DIFFERENT]
    if not apart:
        return SAME_BITS
    committed, rebuilt = result.committed, result.rebuilt
    files = {row.file: (contents(committed, row.file), contents(rebuilt, row.file)) for row in rows}
    if all(_is_near(*pair) for file, pair in files.items() if pair[0] and not file.endswith(HASHES)):
        return WITHIN if any(file.endswith(SAMPLES) for file in apart) else SAME_TEXT
    with suppress(ValueError, LookupError, TypeError, ArithmeticError, RecursionError):  # not as the stage writes them
        (pair,) = (pair for file, pair in files.items() if file.endswith(METRICS))
        first, second = (float(json.loads(*side.values())[DEFAULT_MEASURE]) for side in pair)
        return SAME_CONCLUSION if abs(first - second) <= MATTERS else ANOTHER
    return ANOTHER


def _is_near(committed: dict[str, bytes], rebuilt: dict[str, bytes]) -> bool:
    """Return whether the files are equal, except spaces and numbers whose relative difference is at most TOLERANCE."""
    committed_text, rebuilt_text = (b"\n".join(files.values()) for files in (committed, rebuilt))
    words = [NUMBER.sub(b"0", side).split() for side in (committed_text, rebuilt_text)]
    if committed.keys() != rebuilt.keys() or words[0] != words[1]:
        return False
    pairs = zip(*(map(float, NUMBER.findall(side)) for side in (committed_text, rebuilt_text)), strict=True)
    return all(first == second or math.isclose(first, second, rel_tol=TOLERANCE) for first, second in pairs)
