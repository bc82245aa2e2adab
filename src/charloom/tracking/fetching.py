"""Download a model's file from MLflow."""

from pathlib import Path

from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from charloom.base.errors import Damaged, WrongInput
from charloom.base.terminal import in_line
from charloom.model.model_file import read_model
from charloom.tracking.address import database
from charloom.tracking.model_folder import FILE
from charloom.tracking.reasons import first_line
from charloom.tracking.store import connected

NO_MODEL = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}  # error codes for an unknown model
MALFORMED = "Not a proper"  # begins MLflow's message about a malformed address, which has no error code


def fetch(address: str, file: str) -> None:
    """Download the model at `address` to the npz file `file`.

    address  address of a LoggedModel, of a version in the registry, or of a model among a run's artifacts

    Raises WrongInput if the model does not exist or charloom did not log it, Damaged if the file is not a valid model,
    and Unavailable if MLflow does not answer.
    """
    base = database()
    if base is not None and not base.exists():
        raise WrongInput(f"--model: {address}: the MLflow store {base} does not exist yet; `dvc repro` creates it")
    with connected() as store:
        reason, store.about = "", in_line(address)
        try:
            repository = get_artifact_repository(address)
            reason = f"the model has no artifacts/{FILE}, so charloom did not log it"
            # download_artifacts would first list subfolders
            repository._download_file(f"artifacts/{FILE}", file)  # type: ignore[no-untyped-call]  # MLflow's own
        except MlflowException as error:
            if error.error_code in NO_MODEL or str(error).startswith(MALFORMED):
                raise WrongInput(f"--model: {address}: {reason or first_line(error)}") from None
            raise
    try:
        read_model(Path(file))  # in this process, which has a memory limit: a hostile file can expand without bound
    except Damaged as error:
        raise Damaged(str(error).replace(file, address).partition(";")[0]) from None
