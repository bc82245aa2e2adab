"""Queries to an MLflow store, for the commands: a model, the origin of a run, ids of pages, and checks of a server.

Each query ends the process with the exit code 5 after LONGEST seconds.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from charloom.core.base.errors import Unavailable, WrongInput
from charloom.core.base.git import git
from charloom.core.base.storage import sha256_of_text
from charloom.core.config.params import PARAMS
from charloom.core.config.pipeline import LOCK
from charloom.core.config.reading import read_params
from charloom.tracking import tag
from charloom.tracking.address import database, page_address
from charloom.tracking.limits import time_limit
from charloom.tracking.models import MODEL_FILE
from charloom.tracking.outbox import PATCH
from charloom.tracking.reasons import DENIED, NOT_FOUND, first_line, masked
from charloom.tracking.store import Store, connected

# See collect.put_run.
ARTIFACTS = {PATCH, str(LOCK), str(PARAMS), "metrics", "plots", "reports", "report.html", "sample_table.json"}
NO_MODEL = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}  # error codes for an unknown model
MALFORMED = "Not a proper"  # begins MLflow's message about a malformed address, which has no error code
COMMIT = re.compile("[0-9a-f]{40}")
LONGEST = 120  # seconds for a query


@contextmanager
def _asked() -> Iterator[Store]:
    if (file := database()) and not file.exists():
        raise WrongInput(f"the MLflow store {file} does not exist; MLFLOW_TRACKING_URI selects another")
    with time_limit("{}", Unavailable.exit_code, LONGEST, LONGEST), connected() as store:
        yield store


class Origin(NamedTuple):
    """The origin of a complete run: its name in MLflow, who sent it, and the hash of the commit of its code."""

    name: str
    user: str
    commit: str


def fetch(address: str, file: Path) -> None:
    """Download the model at `address` to the npz file `file`.

    address  address of a LoggedModel, of a version in the registry, or of a model among a run's artifacts

    Raises WrongInput if the model does not exist or charloom did not log it, and Unavailable if MLflow does not answer.
    """
    with _asked():
        try:
            repository = get_artifact_repository(address)
            # download_artifacts would first list subfolders
            repository._download_file(f"artifacts/{MODEL_FILE}", str(file))  # type: ignore[no-untyped-call]  # MLflow's own
        except (MlflowException, OSError) as error:
            status = getattr(getattr(error, "response", None), "status_code", 0)
            is_missing = status == NOT_FOUND or isinstance(error, FileNotFoundError) or str(error).startswith(MALFORMED)
            if not is_missing and getattr(error, "error_code", "") not in NO_MODEL:
                raise
            raise WrongInput(f"--model: {address}: {first_line(error)}") from None


def origin_of(run_id: str, folder: Path) -> Origin:
    """Return the run's Origin. Write those of its artifacts into the folder that are in ARTIFACTS.

    Raises WrongInput if the store or the run does not exist, if the run is no complete run of the pipeline, or if this
    repository does not have the run's commit. Raises Unavailable if a request fails.
    """
    name = f"MLflow run {run_id}"
    with _asked() as store:
        try:
            run = store.client.get_run(run_id)
        except MlflowException as error:
            if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", DENIED}:
                raise
            where = page_address() or database() or "the store"  # a server with passwords hides the difference
            raise WrongInput(f"{name}: not in {where}, or hidden from you") from None
        for path in ARTIFACTS & {file.path for file in store.client.list_artifacts(run_id)}:
            store.client.download_artifacts(run_id, path, str(folder))
    tags = run.data.tags
    commit, uncommitted = tags.get(tag.COMMIT, ""), tags.get(tag.UNCOMMITTED)
    if tag.RESULTS not in tags or not COMMIT.fullmatch(commit) or not (folder / LOCK).exists():
        raise WrongInput(f"{name}: allowed is a complete run of charloom's pipeline, not of a study, from a commit")
    if uncommitted != "false" and not (folder / PATCH).exists():
        raise WrongInput(f"{name}: its artifacts lack {PATCH}, although it had uncommitted changes")
    if not git("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}", empty=1):
        raise WrongInput(f"commit {commit[:12]} is not in this repository: `git fetch` may bring it")
    return Origin(str(run.info.run_name), tags.get(tag.USER, ""), commit)


def experiment_ids() -> list[str]:
    """Return the ids of two MLflow experiments: of the runs on this folder's text, and of the studies.

    Each id is quoted for a URL, and "" if the experiment is missing. Raises WrongInput if params.yaml is invalid, and
    Unavailable if the store cannot be used.
    """
    text = Path(read_params().prepare.text)
    with _asked() as store:
        ours = [store.experiments.get(key) for key in (sha256_of_text(text) if text.is_file() else "", tag.ALL_STUDIES)]
        return [quote(str(experiment.experiment_id)[:100], safe="") if experiment else "" for experiment in ours]


def store_address() -> str:
    """Return the store's address. Raises Unavailable if the store cannot be used."""
    file = database()
    if file and not file.exists():
        return f"{file}: the first run creates it"
    with _asked() as store:
        return f"{page_address() or masked(store.uri.partition('?')[0])}: answers"
