"""Where the MLflow store is, and one writer at a time in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient

from charloom.base.lock import in_turn
from charloom.settings.pipeline import OWN, root

DATABASE = "mlflow.db"


def address() -> str:
    """Return the store of MLFLOW_TRACKING_URI, or else the main repository's own database.

    A relative path is one of the main repository's: an experiment's own folder will be removed.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{DATABASE}"
    path = uri.removeprefix("sqlite:///")
    return uri if path == uri else f"sqlite:///{root() / path}"


def database() -> Path | None:
    """Return the file of an SQLite store, None for another store."""
    scheme, _, path = address().partition(":///")
    return Path(path.partition("?")[0]) if scheme == "sqlite" else None


@contextmanager
def turn() -> Iterator[None]:
    """Hold the store's lock: whoever finds or makes runs needs it. A missing SQLite database is made first.

    Without a lock one of eight writers may starve for half a minute, and two could make the same run. The database is
    made whole or not at all: one that was killed half-way through its migrations would stay broken. Raises Unavailable
    where another process holds the lock for a minute.
    """
    file = database()
    with in_turn(file.with_name(f".{file.name}.lock") if file else root() / OWN / "mlflow.lock"):
        if file and not file.exists():
            new = file.with_name(f".{file.name}.new")
            new.unlink(missing_ok=True)
            MlflowClient(f"sqlite:///{new}").search_experiments()
            new.replace(file)
        yield
