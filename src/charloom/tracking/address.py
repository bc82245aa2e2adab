"""Where the MLflow store and its artifacts are, and one writer at a time in it.

Addresses are made and read by the libraries that MLflow reads them with: a folder's name may hold any character.
MLflow keeps whole addresses in its database. A copied checkout would write into the original, and a moved one could
not read its own models: `follow_folder` mends that.
"""

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from sqlalchemy.engine import URL, make_url

from charloom.base.errors import Unavailable
from charloom.base.lock import in_turn
from charloom.base.terminal import visible
from charloom.settings.pipeline import OWN, root

DATABASE, ARTIFACTS = "mlflow.db", "mlartifacts"
SQLITE = "sqlite+pysqlite"  # of an address without the driver's name MLflow makes the folder, as it is spelt there
COLUMNS = """SELECT entry.name, found.name FROM sqlite_master AS entry JOIN pragma_table_info(entry.name) AS found
    WHERE entry.type = 'table' AND found.name IN ('artifact_location', 'artifact_uri', 'source', 'storage_location')"""
IS_TABLE = "SELECT 1 FROM sqlite_master WHERE name = 'experiments'"
OURS = """SELECT artifact_location FROM experiments JOIN experiment_tags USING (experiment_id)
    WHERE key IN ('charloom.text_sha256', 'charloom.studies')"""
CHANGE = "UPDATE {0} SET {1} = ? || substr({1}, ?) WHERE substr({1} || '/', 1, ?) = ?"  # at this address or below it


def address() -> str:
    """Return the store of MLFLOW_TRACKING_URI, or else the main repository's own database.

    A relative path is one of the main repository's: an experiment's own folder will be removed.
    """
    url = _sqlite()
    return _written(url.set(database=str(database()))) if url else os.environ["MLFLOW_TRACKING_URI"]


def database() -> Path | None:
    """Return the file of an SQLite store, None for another store."""
    url = _sqlite()
    return root() / str(url.database) if url else None


def artifacts() -> str:
    """Return the address of our own store's artifacts."""
    return (root() / ARTIFACTS).as_uri()


def _sqlite() -> URL | None:
    """Return the parts of the address of an SQLite store that is a file. Raises Unavailable where it is no address."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{DATABASE}"
    try:
        scheme, host, path, *_ = urlsplit(uri)
    except ValueError:  # it is not shown: there may be a password in it
        raise Unavailable("MLFLOW_TRACKING_URI: no address; write [ and ] of a password as %5B and %5D") from None
    return make_url(uri) if scheme in {"sqlite", SQLITE} and not host and path.strip("/") else None


def _written(url: URL) -> str:
    return url.set(drivername=SQLITE).render_as_string(hide_password=False)


def _lock() -> Path:
    """Return the store's lock: beside the file of an SQLite store."""
    file = database()
    return file.with_name(f".{file.name}.lock") if file else root() / OWN / "mlflow.lock"


@contextmanager
def turn() -> Iterator[None]:
    """Hold the store's lock: whoever finds or makes runs needs it. A missing SQLite database is made first.

    Without a lock one of eight writers may starve for half a minute, and two could make the same run. The database is
    made whole or not at all: one that was killed half-way through its migrations would stay broken. Raises Unavailable
    where another process holds the lock for a minute.
    """
    file = database()
    with in_turn(_lock()):
        if file and not file.exists():
            new = file.with_name(f".{file.name}.new")
            new.unlink(missing_ok=True)
            # Not through the client: it would put the working folder's name, quotes and all, into a statement of SQL.
            from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # noqa: PLC0415  a stage imports none

            SqlAlchemyStore(_written(URL.create(SQLITE, database=str(new))), artifacts())  # type: ignore[no-untyped-call]  # MLflow's own
            new.replace(file)
        yield


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
            with in_turn(_lock()), connection:
                connection.execute("BEGIN IMMEDIATE")
                there = _elsewhere(connection)  # unless somebody else has done it by now
                for table, column in connection.execute(COLUMNS).fetchall() if there else ():
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
