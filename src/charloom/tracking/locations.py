"""Where the artifacts of our own store are, as its database says it: of a checkout that was moved or copied, elsewhere.

MLflow keeps whole addresses. A copy would write into the original, and a moved checkout could not read its own models.
"""

import sqlite3
import sys
from contextlib import closing
from urllib.parse import urlsplit
from urllib.request import url2pathname

from charloom.base.errors import Unavailable
from charloom.base.lock import in_turn
from charloom.base.terminal import visible
from charloom.settings.pipeline import root
from charloom.tracking.address import ARTIFACTS, DATABASE, artifacts, database, lock_of

COLUMNS = (  # of MLflow's tables, those that hold an address
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
IS_TABLE = "SELECT 1 FROM sqlite_master WHERE name = 'experiments'"
OURS = """SELECT artifact_location FROM experiments JOIN experiment_tags USING (experiment_id)
    WHERE key IN ('charloom.text_sha256', 'charloom.studies')"""
CHANGE = "UPDATE {0} SET {1} = ? || substr({1}, ?) WHERE substr({1} || '/', 1, ?) = ?"  # at this address or below it


def follow_folder() -> None:
    """Let our own store's addresses be those of this folder, and say in a line that they were not.

    Every address changes, or none. A store at another place is left alone. Whoever is about to use the store calls
    this; without MLflow, as it costs two short questions. Raises Unavailable where the database cannot be used.
    """
    file = root() / DATABASE
    if database() != file or file.is_symlink() or not file.exists():
        return
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True)) as connection:
            if not _elsewhere(connection):
                return
            with in_turn(lock_of(file)), connection:
                connection.execute("BEGIN IMMEDIATE")
                there = _elsewhere(connection)  # unless somebody else has done it by now
                for table, column in COLUMNS if there else ():
                    changed = artifacts(), len(there) + 1, len(there) + 1, f"{there}/"
                    connection.execute(CHANGE.format(table, column), changed)
    except sqlite3.Error as error:
        raise Unavailable(f"{file}: {error}") from None
    if there:
        made = url2pathname(urlsplit(there).path).removesuffix(f"/{ARTIFACTS}")
        sys.stderr.write(visible(f"{DATABASE} was made in {made}: its locations are now those of this folder") + "\n")


def _elsewhere(connection: sqlite3.Connection) -> str:
    """Return the address of an experiment's artifacts that is another folder's, else an empty text."""
    rows = connection.execute(OURS).fetchall() if connection.execute(IS_TABLE).fetchone() else []
    local = (there for (there,) in rows if there.startswith("file:") and there.endswith(f"/{ARTIFACTS}"))
    return next((str(there) for there in local if there != artifacts()), "")
