"""Find the results in which two runs disagree, and accept rounding by the backend `numpy`."""

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from charloom.core.config.records import DEFAULT_MEASURE
from charloom.results.run import Run

MATTERS = 0.01  # bits per character: the smallest difference that matters to a reader
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
