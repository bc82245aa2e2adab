"""The name of a run in MLflow, and the query for its origin: `charloom again`, `charloom compare A B`."""

import re
from pathlib import Path

from charloom.tracking.queries import Origin, query

RUN = re.compile(r"(?:.*/runs/)?([0-9a-f]{32})(?:[/?#].*)?", re.DOTALL)
QUERY_TIMEOUT = 30  # seconds


def origin_of(run_id: str, folder: Path) -> Origin:
    """Return the origin of the run, and write its metrics and artifacts into the folder. Raises as `query` does."""
    origin: Origin = query("describe", run_id, str(folder), seconds=QUERY_TIMEOUT)
    return origin
