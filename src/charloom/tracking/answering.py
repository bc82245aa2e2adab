"""The process that queries a store for a command: see asking.py.

python -m charloom.tracking.answering QUESTION [ARGUMENT …]

QUESTION is a key of QUESTIONS; the arguments are those of its function.
"""

import os
import sys
from pathlib import Path
from urllib.parse import quote

from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
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
from charloom.tracking.doctor import ask_remote, ask_store
from charloom.tracking.limits import limit_memory
from charloom.tracking.reasons import first_line
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


QUESTIONS = {question.__name__: question for question in (ask_remote, ask_store, describe, fetch, print_experiments)}


def main() -> None:
    """Print the answer to the question to standard output."""
    limit_memory()
    QUESTIONS[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    run_command(main, os._exit)  # without MLflow's cleanup, which takes most of a second
