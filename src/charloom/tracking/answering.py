"""The process that queries a store for a command: see asking.py.

python -m charloom.tracking.answering QUESTION [ARGUMENT …]

QUESTION is a key of QUESTIONS; the arguments are those of its function. The answers for `charloom doctor` (`ask_store`,
`ask_remote`) are rows: what was checked, the finding, and whether it is a problem. They leave no data on a server or
remote. To check a permission, an invalid request is sent: a server that permits the operation answers with the HTTP
status 400 (invalid), a server that denies it with 403.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from mlflow.entities import Experiment, Run
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.tracking._tracking_service.utils import get_default_host_creds  # type: ignore[attr-defined]  # MLflow's own
from mlflow.utils.rest_utils import http_request
from pydantic import ValidationError

from charloom.base.errors import Damaged, WrongInput
from charloom.base.storage import sha256
from charloom.base.terminal import in_line
from charloom.model.model_file import read_model
from charloom.results.spool import MODEL_FILE
from charloom.settings.dvc_lock import LOCK, stages_in
from charloom.settings.entry import run_command
from charloom.settings.params import read_params
from charloom.tracking import tag
from charloom.tracking.address import database, ensure_store, page_address
from charloom.tracking.asking import PATCH, Origin
from charloom.tracking.limits import limit_memory
from charloom.tracking.reasons import NO_MODELS, NOT_FOUND, first_line, not_permitted
from charloom.tracking.store import STUDIES, Store, connected

NO_MODEL = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}  # error codes for an unknown model
MALFORMED = "Not a proper"  # begins MLflow's message about a malformed address, which has no error code


def fetch(address: str, file: str) -> None:
    """Download the model at `address` to the npz file `file`.

    address  address of a LoggedModel, of a version in the registry, or of a model among a run's artifacts

    Raises WrongInput if the model does not exist or charloom did not log it, Damaged if the file is not a valid model,
    and Unavailable if MLflow does not answer.
    """
    ensure_store(f"--model: {address}")
    with connected() as store:
        reason, store.about = "", in_line(address)
        try:
            repository = get_artifact_repository(address)
            reason = f"the model has no artifacts/{MODEL_FILE}, so charloom did not log it"
            # download_artifacts would first list subfolders
            repository._download_file(f"artifacts/{MODEL_FILE}", file)  # type: ignore[no-untyped-call]  # MLflow's own
        except MlflowException as error:
            if error.error_code in NO_MODEL or str(error).startswith(MALFORMED):
                raise WrongInput(f"--model: {address}: {reason or first_line(error)}") from None
            raise
    try:
        read_model(Path(file))  # in this process, which has a memory limit: a hostile file can expand without bound
    except Damaged as error:
        raise Damaged(str(error).replace(file, address).partition(";")[0]) from None


def describe(run_id: str, folder: str) -> None:
    """Print the Origin of the run as JSON. Download the run's patch and its dvc.lock, if it has them, into the folder.

    Raises WrongInput if the store or the run does not exist, or the run is no complete run of the pipeline. Raises
    Damaged if the run's dvc.lock is invalid, and Unavailable if a request fails.
    """
    name = f"MLflow run {run_id}"
    ensure_store(name)
    with connected() as store:
        store.about = name
        try:
            run = store.client.get_run(run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise WrongInput(
                f"{name}: no such run in {page_address() or database() or 'the store'}; is MLFLOW_TRACKING_URI right?"
            ) from None
        hashes = _hashes(store, run, Path(folder))
    values = run.data.tags | {"name": run.info.run_name, "params": run.data.params, "hashes": hashes}
    values[tag.KEY] = values.get(tag.KEY, "").partition(":")[0]  # earlier versions added a suffix :1, :2, …
    try:
        print(Origin.model_validate(values).model_dump_json(by_alias=True))
    except ValidationError as error:
        which = str(error.errors()[0]["loc"][0])
        value = in_line(str(values.get(which, "")))[:80]
        allowed = "allowed is a complete run of charloom's pipeline, from a commit; `make track` completes a run"
        raise WrongInput(f"{name}: {which} is missing or invalid: {value!r}; {allowed}") from None


def _hashes(store: Store, run: Run, folder: Path) -> dict[str, str]:
    """Download the run's patch and dvc.lock into the folder; return the hashes in dvc.lock by path.

    The hashes are those of the inputs and outputs of every stage except `track`. A run may lack either file or both;
    without dvc.lock the result is {}. Raises Damaged if dvc.lock is invalid.
    """
    paths = {file.path for file in store.client.list_artifacts(run.info.run_id)}
    for path in {PATCH, str(LOCK)} & paths:
        store.client.download_artifacts(run.info.run_id, path, str(folder))
    if str(LOCK) not in paths:
        return {}
    try:  # parsed in this process, which has limits of time and memory
        stages = stages_in((folder / LOCK).read_bytes())
    except Damaged:
        raise Damaged(f"MLflow run {run.info.run_id}: charloom cannot read its {LOCK}") from None
    ran = [stage for stage in stages.values() if stage.outs]  # the entry of `track` is older than the run
    groups = [*(stage.deps for stage in ran), *(stage.outs for stage in ran)]
    return {path: digest for group in groups for path, digest in group.items()}  # outputs override deps


def print_experiments() -> None:
    """Print the ids of two MLflow experiments: of the runs on this folder's text, and of the studies.

    Each id is a line, quoted for a URL; the line is empty if the experiment is missing. Raises WrongInput if
    params.yaml is invalid, and Unavailable if the store cannot be used.
    """
    with connected() as store:
        text = Path(read_params().prepare.text)
        for key in (sha256(text) if text.is_file() else "", STUDIES):
            experiment = store.experiments.get(key)
            print(quote(str(experiment.experiment_id)[:100], safe="") if experiment else "")


Row = tuple[str, str, bool]  # what was checked, the finding, whether it is a problem


def ask_store(text_sha256: str, largest: str) -> None:
    """Check the store, and print the rows as JSON.

    text_sha256  SHA-256 of the text, which identifies the text's MLflow experiment
    largest      size in bytes of the largest file that is sent in one request, as text

    Raises Unavailable if the store does not answer or refuses the login.
    """
    file = database()
    rows: list[Row] = [("MLflow", f"{file}: the first run creates it", False)]
    if not file or file.exists():
        with connected() as store:
            where = re.sub("//[^/ ]*@", "//***@", store.uri.partition("?")[0])
            rows = [("MLflow", f"{where}: answers", False)]
            if store.remote:
                rows = _server(store, store.experiments.get(text_sha256), int(largest))
    print(json.dumps(rows))


def _server(store: Store, experiment: Experiment | None, largest: int) -> list[Row]:
    """Return the rows of a server: version, LoggedModels, permission, and the size of a request.

    experiment  the text's MLflow experiment, or None
    largest     size in bytes of the largest file that is sent in one request
    """
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
    too_large = ask("runs/create", start_time="x" * largest).status_code == 413
    hint = "too large for the server, or a proxy before it: raise its limit (nginx: client_max_body_size)"
    rows.append(("upload", f"{largest:,} bytes in one request: {hint if too_large else 'accepted'}", too_large))
    return rows


def ask_remote() -> None:
    """Check DVC's default remote by writing, reading and removing a file; print a list of one row as JSON.

    A repository without a default remote is no problem. A missing folder is a problem, except in S3.
    """
    from dvc.exceptions import DvcException  # noqa: PLC0415  the import takes a quarter of a second
    from dvc.repo import Repo  # noqa: PLC0415  likewise

    try:
        with Repo() as repo:
            name = repo.config["core"].get("remote")
            finding, problem = _remote(repo, name) if name else ("none: each clone recomputes the results", False)
    except (DvcException, OSError, ImportError, ValueError) as error:
        finding, problem = first_line(error), True
    print(json.dumps([("DVC remote", finding, problem)]))


def _remote(repo: Any, name: str) -> tuple[str, bool]:
    """Write a file to the remote `name`, read it, remove it; return the finding, and whether it is a problem."""
    remote = repo.cloud.get_remote(name)
    file = remote.fs.join(remote.path, f"charloom-doctor-{uuid4().hex}")
    where = f"{name}: {remote.fs.unstrip_protocol(remote.path)}"
    if remote.fs.protocol != "s3" and not remote.fs.exists(remote.path):
        return f"{where}: does not exist: is it mounted? `mkdir` creates it", True
    remote.fs.pipe_file(file, b"a test")
    try:
        same = remote.fs.cat_file(file) == b"a test"
    finally:
        remote.fs.remove(file)
    return f"{where}: {'write and read' if same else 'returned other bytes than were written'}", not same


QUESTIONS = {question.__name__: question for question in (ask_remote, ask_store, describe, fetch, print_experiments)}


def main() -> None:
    """Print the answer to the question to standard output."""
    limit_memory()
    QUESTIONS[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    run_command(main, os._exit)  # without MLflow's cleanup, which takes most of a second
