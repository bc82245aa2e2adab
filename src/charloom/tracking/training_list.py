"""The trainings of an experiment: the points in their logs, and the list of trainings that a run shows."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from mlflow.entities import Run

from charloom.results.training_log import Log
from charloom.tracking.contents import Series, Times
from charloom.tracking.store import RESULTS, Store

RATE = "characters_per_second"
SECONDS_BETWEEN_RATES = 2.0
TRAININGS = "charloom.trainings"  # tag: a list of them in JSON
REPRODUCTIONS = "charloom.reproductions"  # tag: how many of them came after the first, with the same bits
PLATFORM = "charloom.platform"  # tag: processor and system of the first
NOTE = "mlflow.note.content"
HEADING = "\n\n| trained | from | on | with | these results |\n|---|---|---|---|---|\n"
KEPT = 20  # trainings in the list, the first among them: a tag has room for 8,000 characters


def points(log: Log, seq_length: int) -> Series:
    """Return the log's points by metric, and beside them the speed of training: the same from the same log."""
    series: Series = {}
    before: tuple[int, float] | None = None
    for name, update, value, when in log.points:
        series.setdefault(name, {})[update] = value
        if before is None:
            before = update, when
        elif update > before[0] and when - before[1] >= SECONDS_BETWEEN_RATES:
            rate = (update - before[0]) * seq_length / (when - before[1])
            series.setdefault(RATE, {})[update] = rate
            before = update, when
    return series


def times(logs: Iterable[Log]) -> Times:
    """Return when each update of these trainings was done that a point tells of; of the first that did it."""
    return {update: round(when * 1000) for log in reversed(list(logs)) for _, update, _, when in log.points}


def list_trainings(store: Store, run: Run, logs: list[Log], description: str | None, *, same: bool) -> None:
    """Add the trainings to the run's list and to its description, those apart that it has; count reproductions.

    Of a run that is not complete yet, the first training made it, and is none.
    """
    tags = run.data.tags
    listed: list[dict[str, Any]] = json.loads(tags.get(TRAININGS, "[]"))
    made = int(RESULTS not in tags and not listed and same)
    new = [row for log in logs if (row := _row(log) | {"same": same}) not in listed]
    counted = int(tags.get(REPRODUCTIONS, "0")) + max(len(new) * same - made, 0)
    listed += new
    listed[1:] = listed[1:][1 - KEPT :]
    above = tags.get(NOTE, "").partition(HEADING)[0] if description is None else description
    rows = (
        f"| {row['when'][:19]} UTC | {row['commit'][:7] or 'no commit'} | {row['processor']}, {row['system']} | "
        f"Python {row['python']}, NumPy {row['numpy']}, Numba {row['numba']} | {'yes' if row['same'] else 'no'} |\n"
        for row in listed
    )
    said = {
        TRAININGS: json.dumps(listed),
        REPRODUCTIONS: str(counted),
        NOTE: above + (HEADING + "".join(rows) if listed else ""),
    }
    if made and logs:
        said[PLATFORM] = f"{listed[0]['processor']}, {listed[0]['system']}"
    store.tag(run, said)


def _row(log: Log) -> dict[str, Any]:
    """Return what is told of a training that has ended."""
    ended = log.end.ended if log.end else log.head.started
    when = datetime.fromtimestamp(ended, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return {"when": when, "experiment": log.head.dvc_experiment, **log.head.machine, "commit": log.head.commit}
