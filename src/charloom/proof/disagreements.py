"""The results in which two runs disagree."""

from collections.abc import Iterator
from typing import Any

from charloom.core.settings.records import MEASURE
from charloom.results.run import Run


def disagreements(one: Run, other: Run) -> Iterator[tuple[str, Any, Any]]:
    """Yield the name of a result and its two values, if both runs have it and the values differ.

    Results are the metrics, the usual measure first, the outcome, and the hash of results.
    """
    ours, theirs = (
        {MEASURE: None, "outcome": run.outcome, "results": run.results or None} | dict(run.metrics or {})
        for run in (one, other)
    )
    for name, value in ours.items():
        if None not in (value, theirs.get(name)) and value != theirs[name]:
            yield name, value, theirs[name]
