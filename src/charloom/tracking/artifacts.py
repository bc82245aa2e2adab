"""Files of runs and models, to and from where the store keeps artifacts. All raise MlflowException where that fails."""

import errno
import os
import resource
from collections.abc import Collection
from pathlib import Path
from urllib.parse import urlsplit

from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from charloom.base.errors import Unavailable
from charloom.tracking.limits import went_on

LARGEST = 2**28  # bytes of a model to fetch: m = 5,700 in float64


def ensure_allowed(uri: str, store: str) -> None:
    """Raise where artifacts are not to be in the store at this address itself: a server could name a local file."""
    scheme, host, *_ = urlsplit(uri)
    kept_by_server = urlsplit(store).scheme in {"http", "https"}
    allowed = os.environ.get("CHARLOOM_ARTIFACT_SCHEME", "mlflow-artifacts" if kept_by_server else "file")
    if scheme != allowed or (scheme == "mlflow-artifacts" and host not in {"", urlsplit(store).netloc}):
        raise MlflowException(
            f"the store wants artifacts in {uri!r}; allowed is {allowed}:/… of the store itself, "
            "or what CHARLOOM_ARTIFACT_SCHEME says"
        )


def upload(folder: Path, uri: str, store: str, besides: Collection[str] = ()) -> None:
    """Copy all that is in the folder, besides files of these names, to the artifacts' address."""
    ensure_allowed(uri, store)
    # Not through the client: it would ask the server once more where to.
    repository = get_artifact_repository(uri, tracking_uri=store)
    for file in sorted(file for file in folder.rglob("*") if file.is_file() and file.name not in besides):
        below = file.parent.relative_to(folder)
        repository.log_artifact(str(file), None if below == Path() else str(below))  # type: ignore[no-untyped-call]  # MLflow's own
        went_on()


def download(uri: str, name: str, file: Path, store: str) -> None:
    """Copy the file of that name at the artifacts' address to this one. Raises Unavailable if it is too large."""
    ensure_allowed(uri, store)
    repository = get_artifact_repository(uri, tracking_uri=store)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST, before[1]))
    try:  # not download_artifacts: it would first ask for the folders in it, of which there may be no end
        repository._download_file(name, str(file))  # type: ignore[no-untyped-call]  # MLflow's own
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise Unavailable(f"{name}: over {LARGEST:,} bytes, more than charloom fetches") from None
        raise
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
