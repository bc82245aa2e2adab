"""The addresses of the MLflow store and of the store's artifacts.

The libraries that MLflow uses build and parse the addresses, because a folder's name may contain any character.
MLflow's database contains absolute addresses: a moved or copied project needs a new database.
"""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from charloom.core.base.errors import Unavailable
from charloom.core.base.storage import exclusive
from charloom.core.base.words import in_line
from charloom.core.config.pipeline import root
from charloom.tracking.reasons import QUERY_VALUES

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

RUN = re.compile(r"(?:.*/runs/)?([0-9a-f]{32})(?:[/?#].*)?", re.DOTALL)  # a run's id, or its page's address
DATABASE, ARTIFACTS = "mlflow.db", "mlartifacts"
SQLITE = "sqlite+pysqlite"  # if an address names no driver, MLflow creates its folder without decoding the address


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


def create_database() -> None:
    """Create a missing SQLite database, atomically: a kill during MLflow's migrations would leave a broken one.

    Raises Unavailable if another process creates it, and has not ended after 20 seconds.
    """
    file = database()
    if not file or file.exists():
        return
    # MLflow's client would put the unescaped name of the working folder into an SQL statement.
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # noqa: PLC0415  commands import no MLflow
    from sqlalchemy.engine import URL  # noqa: PLC0415  see _sqlite_url

    with exclusive(file.with_name(f".{file.name}.lock"), "the creation of this store", 20):
        if not file.exists():
            new = file.with_name(f".{file.name}.new")
            new.unlink(missing_ok=True)
            SqlAlchemyStore(URL.create(SQLITE, database=str(new)).render_as_string(), artifacts())  # type: ignore[no-untyped-call]  # MLflow's own
            new.replace(file)
