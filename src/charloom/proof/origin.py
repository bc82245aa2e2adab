"""Find a run in MLflow by its id or address, and query its origin: its commit, params and files.

`charloom again` and `charloom compare A B` use this module.
"""

import re
from pathlib import Path

from charloom.tracking.queries import Origin, query

RUN = re.compile(r"(?:.*/runs/)?([0-9a-f]{32})(?:[/?#].*)?", re.DOTALL)


def origin_of(run_id: str, folder: Path) -> Origin:
    """Return the origin of the run, and write its artifacts into the folder.

    Raises as queries.query does.
    """
    origin: Origin = query("describe", run_id, str(folder))
    return origin
