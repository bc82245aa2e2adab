"""Upload and download of artifacts. The functions raise MlflowException if a transfer fails."""

import errno
import os
import resource
from pathlib import Path
from urllib.parse import urlsplit

from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from charloom.base.errors import Unavailable
from charloom.tracking.limits import note_progress

MAX_DOWNLOAD = 2**28  # bytes of a model's file: m = 5,700 in float64


def ensure_allowed(uri: str, store: str) -> None:
    """Raise MlflowException if the artifact address `uri` is not allowed: a server could name a local file.

    If the store is a server, the scheme has to be mlflow-artifacts, with no other host. Otherwise the scheme has to be
    file. The environment variable CHARLOOM_ARTIFACT_SCHEME replaces the required scheme.

    store  the store's address
    """
    scheme, host, *_ = urlsplit(uri)
    is_server = urlsplit(store).scheme in {"http", "https"}
    allowed = os.environ.get("CHARLOOM_ARTIFACT_SCHEME", "mlflow-artifacts" if is_server else "file")
    if scheme != allowed or (scheme == "mlflow-artifacts" and host not in {"", urlsplit(store).netloc}):
        raise MlflowException(
            f"the store gives the address {uri!r} for artifacts; allowed is {allowed}:/… of the store itself; "
            "CHARLOOM_ARTIFACT_SCHEME allows another scheme"
        )


def upload(folder: Path, uri: str, store: str) -> None:
    """Upload all files in the folder and below to the artifact address `uri`.

    store  the store's address: see ensure_allowed
    """
    ensure_allowed(uri, store)
    # MLflow's client would request the address from the server again.
    repository = get_artifact_repository(uri, tracking_uri=store)
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        below = file.parent.relative_to(folder)
        repository.log_artifact(str(file), None if below == Path() else str(below))  # type: ignore[no-untyped-call]  # MLflow's own
        note_progress()


def download(uri: str, name: str, file: Path, store: str) -> None:
    """Download the artifact `name` below the artifact address `uri` to `file`.

    store  the store's address: see ensure_allowed

    Raises Unavailable if the artifact is larger than MAX_DOWNLOAD bytes.
    """
    ensure_allowed(uri, store)
    repository = get_artifact_repository(uri, tracking_uri=store)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_DOWNLOAD, before[1]))
    try:  # download_artifacts would first list subfolders, and a hostile server can list them without end
        repository._download_file(name, str(file))  # type: ignore[no-untyped-call]  # MLflow's own
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise Unavailable(f"{name}: larger than {MAX_DOWNLOAD:,} bytes, the limit for a download") from None
        raise
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
