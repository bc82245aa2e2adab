"""The functions that query a store for a command, in a process of their own: see queries.py.

The answer for `charloom doctor` (`ask_store`) consists of rows: what was checked, the finding, and whether it is a
problem. The check leaves no data on a server. To check a permission, an invalid request is sent: a server that permits
the operation answers with the HTTP status 400 (invalid), a server that denies it with 403.
"""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.tracking._tracking_service.utils import get_default_host_creds  # type: ignore[attr-defined]  # MLflow's own
from mlflow.utils.rest_utils import http_request
from pydantic import ValidationError

from charloom.core.base.errors import WrongInput
from charloom.core.base.storage import sha256_of_text
from charloom.core.base.words import in_line
from charloom.core.config.pipeline import LOCK
from charloom.core.config.reading import read_params
from charloom.tracking import tag
from charloom.tracking.address import database, ensure_store, page_address
from charloom.tracking.queries import PATCH, Origin
from charloom.tracking.reasons import DENIED, NO_MODELS, NOT_FOUND, first_line, masked, not_permitted
from charloom.tracking.spool import MODEL_FILE
from charloom.tracking.store import STUDIES, Store, connected, text_of

ARTIFACTS = {PATCH, str(LOCK), "metrics", "plots", "reports", "report.html", "sample_table.json"}  # see collect.put
NO_MODEL = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}  # error codes for an unknown model
MALFORMED = "Not a proper"  # begins MLflow's message about a malformed address, which has no error code


def fetch(address: str, file: str) -> str:
    """Download the model at `address` to the npz file `file`; return a warning, or "" if there is none.

    The warning says that an alias in the address, such as @best, names a model of another text than params.yaml does.

    address  address of a LoggedModel, of a version in the registry, or of a model among a run's artifacts

    Raises WrongInput if the model does not exist or charloom did not log it, and Unavailable if MLflow does not answer.
    """
    ensure_store(f"--model: {address}")
    with connected() as store:
        reason, store.about = "", f"{in_line(address)} (if it exists)"  # a server with passwords hides that
        try:
            repository = get_artifact_repository(address)
            reason = f"the model has no artifacts/{MODEL_FILE}, so charloom did not log it"
            # download_artifacts would first list subfolders
            repository._download_file(f"artifacts/{MODEL_FILE}", file)  # type: ignore[no-untyped-call]  # MLflow's own
            name, at, alias = address.removeprefix("models:/").rpartition("@")
            with suppress(WrongInput, OSError):  # without params.yaml or a text, nothing can be said
                text = Path(read_params().prepare.text)
                if at and text_of(store.client.get_model_version_by_alias(name, alias)) != sha256_of_text(text):
                    return f"warning: {in_line(address)} is a model of another text than {in_line(str(text))}\n"
        except MlflowException as error:
            if error.error_code in NO_MODEL or str(error).startswith(MALFORMED):
                raise WrongInput(f"--model: {address}: {reason or first_line(error)}") from None
            raise
        except OSError as error:  # for a missing artifact, MLflow's client of a server raises requests.HTTPError
            if not reason or getattr(getattr(error, "response", None), "status_code", None) != NOT_FOUND:
                raise
            raise WrongInput(f"--model: {address}: {reason}; the run's page in MLflow lists its models") from None
    return ""


def describe(run_id: str, folder: str) -> Origin:
    """Return the run's Origin. Write those of its artifacts into the folder that are in ARTIFACTS.

    Raises WrongInput if the store or the run does not exist, or the run is no complete run of the pipeline. Raises
    Unavailable if a request fails.
    """
    name = f"MLflow run {run_id}"
    ensure_store(name)
    with connected() as store:
        store.about = name
        try:
            run = store.client.get_run(run_id)
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", DENIED}:  # a server with passwords hides the difference
                where = page_address() or database() or "the store"
                hidden = ", or it is hidden from you" if error.error_code == DENIED else ""
                raise WrongInput(f"{name}: no such run in {where}{hidden}; is MLFLOW_TRACKING_URI right?") from None
            raise
        history = dict[str, dict[str, float]]()
        for point in (point for name in run.data.metrics for point in store.client.get_metric_history(run_id, name)):
            points, at = history.setdefault(point.key, {}), str(point.step)
            points[at if points.get(at, point.value) == point.value else f"{at}, again"] = point.value
        for path in ARTIFACTS & {file.path for file in store.client.list_artifacts(run_id)}:
            store.client.download_artifacts(run_id, path, folder)
    values = run.data.tags | {"name": run.info.run_name, "params": run.data.params, "history": history}
    values[tag.KEY] = values.get(tag.KEY, "").partition(":")[0]  # earlier versions added a suffix :1, :2, …
    try:
        return Origin.model_validate(values)
    except ValidationError as error:
        which = str(error.errors()[0]["loc"][0])
        value = in_line(str(values.get(which, "")))[:80]
        allowed = (
            "allowed is a complete run of charloom's pipeline, not of a study, from a commit; `make track` completes it"
        )
        raise WrongInput(f"{name}: {which} is missing or invalid: {value!r}; {allowed}") from None


def experiment_ids() -> list[str]:
    """Return the ids of two MLflow experiments: of the runs on this folder's text, and of the studies.

    Each id is quoted for a URL, and "" if the experiment is missing. Raises WrongInput if params.yaml is invalid, and
    Unavailable if the store cannot be used.
    """
    with connected() as store:
        text = Path(read_params().prepare.text)
        ours = [store.experiments.get(key) for key in (sha256_of_text(text) if text.is_file() else "", STUDIES)]
        return [quote(str(experiment.experiment_id)[:100], safe="") if experiment else "" for experiment in ours]


Row = tuple[str, str, bool]  # what was checked, the finding, whether it is a problem


def ask_store(text_sha256: str) -> list[Row]:
    """Check the store for `charloom doctor`; return a Row for each check.

    text_sha256  SHA-256 of the text, which identifies the text's MLflow experiment

    Raises Unavailable if the store does not answer or refuses the login.
    """
    file = database()
    if file and not file.exists():
        return [("MLflow", f"{file}: the first run creates it", False)]
    with connected() as store:
        local = "MLflow", masked(store.uri.partition("?")[0]) + ": answers", False
        return _server(store, store.experiments.get(text_sha256)) if store.remote else [local]


def _server(store: Store, experiment: Experiment | None) -> list[Row]:
    """Check a server's version, LoggedModels and write permission. `experiment` is the text's, or None if missing."""
    creds = get_default_host_creds(store.uri)  # type: ignore[no-untyped-call]  # MLflow's own

    def ask(path: str, **body: object) -> Any:
        path, method = (f"/api/2.0/mlflow/{path}", "POST") if body else (path, "GET")
        return http_request(creds, path, method, json=body or None, max_retries=0)  # type: ignore[no-untyped-call]  # MLflow's own

    number, user = in_line(ask("/version").text[:20]), os.environ.get("MLFLOW_TRACKING_USERNAME") or "nobody"
    old = bool(re.match(r"[01]\.|2\.\d\.", number))
    hint = ": a run needs 2.10 or newer: update the server" if old else ""
    rows = [("MLflow", f"{page_address()} as {user}: MLflow {number}{hint}", old)]
    if ask("logged-models/search", experiment_ids=["0"], max_results=1).status_code == NOT_FOUND:
        rows.append(("models", NO_MODELS, False))
    what, path, body = "experiments", "experiments", {"name": ""}
    if experiment:
        what, path = f"experiment {experiment.name!r}", "runs"
        body = {"experiment_id": experiment.experiment_id, "start_time": "none"}
    denied = ask(f"{path}/create", **body).status_code == 403
    rows.append(("may write", not_permitted(what) if denied else what, denied))
    return rows
