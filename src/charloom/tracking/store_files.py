"""The files of a store: artifacts, at the address that it names for them."""

import errno
import os
import resource
from pathlib import Path
from urllib.parse import urlsplit

from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from charloom.base.errors import Unavailable

LARGEST = 2**28  # bytes of a model to fetch: m = 5,700 in float64


class Files:
    """The files of the store at `uri`, which may be a server's."""

    def __init__(self, uri: str) -> None:
        """Take the address; nothing is asked yet."""
        self.uri, self.remote = uri, urlsplit(uri).scheme in {"http", "https"}

    def check(self, uri: str) -> None:
        """Raise MlflowException where the address is not in the store itself: a server could name a local file."""
        scheme, host, *_ = urlsplit(uri)
        allowed = os.environ.get("CHARLOOM_ARTIFACT_SCHEME", "mlflow-artifacts" if self.remote else "file")
        if scheme != allowed or (scheme == "mlflow-artifacts" and host not in {"", urlsplit(self.uri).netloc}):
            raise MlflowException(
                f"the store wants artifacts in {uri!r}; allowed is {allowed}:/… of the store itself, "
                "or what CHARLOOM_ARTIFACT_SCHEME says"
            )

    def upload(self, folder: Path, uri: str) -> None:
        """Copy all that is in the folder to the artifacts' address."""
        self.check(uri)
        # Not through the client: it would ask the server once more where to.
        get_artifact_repository(uri, tracking_uri=self.uri).log_artifacts(str(folder))  # type: ignore[no-untyped-call]  # MLflow's own

    def download(self, uri: str, name: str, file: Path) -> None:
        """Copy the file of that name at the artifacts' address to this one. Raises Unavailable if it is too large."""
        self.check(uri)
        repository = get_artifact_repository(uri, tracking_uri=self.uri)
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
