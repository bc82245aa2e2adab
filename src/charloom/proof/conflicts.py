"""The results in which two runs disagree."""

from collections.abc import Iterator
from typing import Any

from charloom.core.config.records import DEFAULT_MEASURE
from charloom.results.run import Run


def conflicts(first: Run, second: Run) -> Iterator[tuple[str, Any, Any]]:
    """Yield the name of a result and its two values, if both runs have it and the values differ.

    Results are the metrics, the usual measure first, the outcome, and the hash of results.
    """
    first_results, second_results = (
        {DEFAULT_MEASURE: None, "outcome": run.outcome, "results": run.results or None} | dict(run.metrics or {})
        for run in (first, second)
    )
    for name, value in first_results.items():
        if None not in (value, second_results.get(name)) and value != second_results[name]:
            yield name, value, second_results[name]
