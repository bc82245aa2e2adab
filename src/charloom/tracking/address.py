"""The addresses of the MLflow store and of the store's artifacts, and the store's lock.

The libraries that MLflow uses build and parse the addresses, because a folder's name may contain any character.
MLflow's database contains absolute addresses. A copied checkout would write into the original checkout, and a moved
checkout could not read its own models. `relocate_store` replaces the old addresses.
"""

import os
import sqlite3
import sys
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from charloom.core.base.errors import Unavailable, WrongInput
from charloom.core.base.storage import exclusive
from charloom.core.base.terminal import visible
from charloom.core.base.words import in_line
from charloom.core.config.pipeline import root
from charloom.tracking.reasons import QUERY_VALUES

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

DATABASE, ARTIFACTS = "mlflow.db", "mlartifacts"
SQLITE = "sqlite+pysqlite"  # if an address names no driver, MLflow creates its folder without decoding the address
COLUMNS = """SELECT entry.name, info.name FROM sqlite_master AS entry JOIN pragma_table_info(entry.name) AS info
    WHERE entry.type = 'table' AND info.name IN ('artifact_location', 'artifact_uri', 'source', 'storage_location')"""
OLD_LOCATION = """SELECT artifact_location FROM experiments JOIN experiment_tags USING (experiment_id)
    WHERE key IN ('charloom.text_sha256', 'charloom.studies') AND artifact_location GLOB 'file:*/mlartifacts'
    AND artifact_location != ?"""
REPLACE_PREFIX = """UPDATE {0} SET {1} = :new || substr({1}, length(:old) + 1)
    WHERE substr({1} || '/', 1, length(:old) + 1) = :old || '/'"""


def address() -> str:
    """Return the store's address: MLFLOW_TRACKING_URI if it is set, otherwise the main repository's own database.

    The path of an SQLite file becomes absolute. A relative path is relative to the main repository, not to the folder
    in which DVC runs an experiment, because DVC removes that folder. Raises Unavailable if MLFLOW_TRACKING_URI is not
    an address.
    """
    url = _sqlite_url()
    return url.render_as_string(hide_password=False) if url else os.environ["MLFLOW_TRACKING_URI"]


def page_address() -> str:
    """Return the address of a server's web pages, without the login, or "" if the store is not a server.

    Raises Unavailable as `address` does.
    """
    parts = urlsplit(address())
    page = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    return in_line(QUERY_VALUES.sub(r"\1***", page)).rstrip("/") if parts.scheme in {"http", "https"} else ""


def database() -> Path | None:
    """Return the path of an SQLite store's file, or None for any other store. Raises Unavailable as `address` does."""
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return root() / DATABASE
    url = _sqlite_url()
    return Path(str(url.database)) if url else None


def ensure_store(what: str) -> None:
    """Raise WrongInput if the store is an SQLite file that does not exist. The message begins with `what`."""
    file = database()
    if file and not file.exists():
        raise WrongInput(f"{what}: the MLflow store {file} does not exist; MLFLOW_TRACKING_URI selects another")


def artifacts() -> str:
    """Return the file: address of mlartifacts, the folder in the main repository for the artifacts of mlflow.db."""
    return (root() / ARTIFACTS).as_uri()


def _sqlite_url() -> "URL | None":
    """Return the parsed address of an SQLite file, with an absolute path, or None for any other store.

    Raises Unavailable if MLFLOW_TRACKING_URI is not an address.
    """
    from sqlalchemy.engine import make_url  # noqa: PLC0415  takes 0.1 s, and `track` does not need it

    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{DATABASE}"
    try:
        scheme, host, path, *_ = urlsplit(uri)
    except ValueError:  # the message omits the address, which may contain a password
        raise Unavailable("MLFLOW_TRACKING_URI is not an address; a password needs %5B for [ and %5D for ]") from None
    url = make_url(uri) if scheme in {"sqlite", SQLITE} and not host and path.strip("/") else None
    return url.set(drivername=SQLITE, database=str(root() / str(url.database))) if url else None


def store_lock() -> AbstractContextManager[None]:
    """Return a context manager that holds the lock of an SQLite store. For any other store it does nothing.

    A process that creates or sends runs needs the lock. Without it, one of eight writers may starve for half a minute,
    and two writers could create the same run. A process that only reads does not need it, and a server serializes its
    writers. The start of the `with` block raises Unavailable if another process holds the lock for a minute.
    """
    file = database()
    return exclusive(file.with_name(f".{file.name}.lock"), "a delivery to this store", 60) if file else nullcontext()


def create_database() -> None:
    """Create a missing SQLite database, atomically: a kill during MLflow's migrations would leave a broken one.

    Raises Unavailable as `store_lock` does.
    """
    file = database()
    if not file or file.exists():
        return
    with store_lock():
        if not file.exists():
            new = file.with_name(f".{file.name}.new")
            new.unlink(missing_ok=True)
            # MLflow's client would put the unescaped name of the working folder into an SQL statement.
            from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # noqa: PLC0415  stages import no MLflow
            from sqlalchemy.engine import URL  # noqa: PLC0415  see _sqlite_url

            SqlAlchemyStore(URL.create(SQLITE, database=str(new)).render_as_string(), artifacts())  # type: ignore[no-untyped-call]  # MLflow's own
            new.replace(file)


def relocate_store() -> None:
    """Replace the addresses in mlflow.db if its folder was moved or copied; then print a line to standard error.

    The old address is that of the artifacts of an experiment that charloom created. One transaction replaces all
    addresses. A store other than mlflow.db in the main repository stays unchanged. Call this function before each use
    of the store. The function does not import MLflow, and runs two short queries. Raises Unavailable if the database
    cannot be used.
    """
    file, new = root() / DATABASE, artifacts()
    if database() != file or file.is_symlink() or not file.exists():
        return
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True)) as connection, connection:
            columns = connection.execute(COLUMNS).fetchall()
            row: Any = connection.execute(OLD_LOCATION, [new]).fetchone() if columns else None
            for table, column in columns if row else ():
                connection.execute(REPLACE_PREFIX.format(table, column), {"old": row[0], "new": new})
            changes = connection.total_changes  # none if another process has replaced the addresses by now
    except sqlite3.Error as error:
        raise Unavailable(f"{file}: {error}") from None
    if changes:
        old_folder = url2pathname(urlsplit(row[0]).path).removesuffix(f"/{ARTIFACTS}")
        sys.stderr.write(visible(f"{DATABASE} was created in {old_folder}: its paths now name this folder") + "\n")
