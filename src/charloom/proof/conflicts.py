"""Find the results in which two runs disagree."""

from collections.abc import Iterator
from typing import Any

from charloom.core.config.records import DEFAULT_MEASURE
from charloom.results.run import Run


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
