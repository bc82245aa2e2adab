"""Where the MLflow store and its artifacts are, and one writer at a time in it.

Addresses are made and read by the libraries that MLflow reads them with: a folder's name may hold any character.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy.engine import URL, make_url

from charloom.base.lock import in_turn
from charloom.settings.pipeline import OWN, root

DATABASE, ARTIFACTS = "mlflow.db", "mlartifacts"
SQLITE = "sqlite+pysqlite"  # of an address without the driver's name MLflow makes the folder, as it is spelt there


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


def lock_of(file: Path) -> Path:
    """Return the lock of an SQLite store."""
    return file.with_name(f".{file.name}.lock")


def _sqlite() -> URL | None:
    """Return the parts of the address of an SQLite store that is a file."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{DATABASE}"
    scheme, host, path, *_ = urlsplit(uri)
    return make_url(uri) if scheme in {"sqlite", SQLITE} and not host and path.strip("/") else None


def _written(url: URL) -> str:
    return url.set(drivername=SQLITE).render_as_string(hide_password=False)


@contextmanager
def turn() -> Iterator[None]:
    """Hold the store's lock: whoever finds or makes runs needs it. A missing SQLite database is made first.

    Without a lock one of eight writers may starve for half a minute, and two could make the same run. The database is
    made whole or not at all: one that was killed half-way through its migrations would stay broken. Raises Unavailable
    where another process holds the lock for a minute.
    """
    file = database()
    with in_turn(lock_of(file) if file else root() / OWN / "mlflow.lock"):
        if file and not file.exists():
            new = file.with_name(f".{file.name}.new")
            new.unlink(missing_ok=True)
            # Not through the client: it would put the working folder's name, quotes and all, into a statement of SQL.
            from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # noqa: PLC0415  a stage imports none

            SqlAlchemyStore(_written(URL.create(SQLITE, database=str(new))), artifacts())  # type: ignore[no-untyped-call]  # MLflow's own
            new.replace(file)
        yield
