"""The name of a run in MLflow, and the query for its origin: `charloom again`, `charloom compare A B`."""

import re
from pathlib import Path

from charloom.tracking.asking import Origin, asked

RUN = re.compile(r"(?:.*/runs/)?([0-9a-f]{32})(?:[/?#].*)?", re.DOTALL)
ASKING_MAY_TAKE = 30  # seconds


def origin_of(run_id: str, folder: Path) -> Origin:
    """Return the origin of the run, and write its metrics and artifacts into the folder. Raises as `asked` does."""
    origin: Origin = asked("describe", run_id, str(folder), seconds=ASKING_MAY_TAKE)
    return origin
