"""Where the MLflow store is, and the making of one that is an SQLite database. It comes before any import of mlflow."""

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

# Before mlflow is imported: it reads some of them once. A server that is away costs seconds, not four minutes.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "CRITICAL")  # what goes wrong is said once, by `warn`
os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
os.environ.setdefault("MLFLOW_ALLOW_HTTP_REDIRECTS", "false")
os.environ.setdefault("MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER", "false")  # a server could ask for an hour
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from mlflow import MlflowClient

from charloom.base.lock import in_turn
from charloom.settings.pipeline import root

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


def turn() -> AbstractContextManager[None]:
    """Return a lock on an SQLite store: its own may starve one of eight writers for longer than `track` waits."""
    file = database()
    return nullcontext() if file is None else in_turn(file.with_name(f".{file.name}.lock"))


def create() -> None:
    """Create the database where an SQLite one is wanted and missing, whole or not at all, by one process of all.

    One that was killed half-way through its migrations would stay broken.
    """
    file = database()
    if file is None or file.exists():
        return
    new = file.with_name(f".{file.name}.new")
    with turn():
        if not file.exists():
            new.unlink(missing_ok=True)
            MlflowClient(f"sqlite:///{new}").search_experiments()
            new.replace(file)
