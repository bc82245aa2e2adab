"""Query the origin of a run in MLflow (see asking.py). The answer is an Origin, and a file with the run's patch."""

from math import isfinite
from pathlib import Path

from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from pydantic import ValidationError

from charloom.base.errors import Damaged, WrongInput
from charloom.base.terminal import in_line
from charloom.settings.dvc_lock import LOCK, stages_in
from charloom.tracking import tag
from charloom.tracking.address import database, page_address
from charloom.tracking.origin import PATCH, Origin
from charloom.tracking.store import Store, connected

TAGS = {
    "experiment": tag.KEY,
    "results": tag.RESULTS,
    "text_sha256": tag.TEXT,
    "commit": tag.COMMIT,
    "uncommitted": tag.UNCOMMITTED,
}


def describe(run_id: str, folder: str) -> None:
    """Print the Origin of the run as JSON. Download the run's patch and its dvc.lock, if it has them, into the folder.

    Raises WrongInput if the store or the run does not exist, or the run is no complete run of the pipeline. Raises
    Damaged if the run's dvc.lock is invalid, and Unavailable if a request fails.
    """
    file, name = database(), f"MLflow run {run_id}"
    if file and not file.exists():
        raise WrongInput(f"{name}: the MLflow store {file} does not exist; set MLFLOW_TRACKING_URI to another")
    with connected() as store:
        store.about = name
        try:
            run = store.client.get_run(run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise WrongInput(
                f"{name}: no such run in {page_address() or file or 'the store'}; is MLFLOW_TRACKING_URI right?"
            ) from None
        origin = _origin(run, name)
        print(origin.model_copy(update={"hashes": _hashes(store, run, Path(folder))}).model_dump_json())


def _origin(run: Run, name: str) -> Origin:
    tags = {field: run.data.tags.get(key, "") for field, key in TAGS.items()}
    tags["experiment"] = tags["experiment"].partition(":")[0]  # a suffix :1, :2, … numbers runs with other results
    fields = {
        "name": run.info.run_name,
        "user": run.data.tags.get(tag.USER, ""),
        "params": run.data.params,
        "metrics": {metric: value for metric, value in run.data.metrics.items() if isfinite(value)},
        "hashes": {},
    }
    try:
        return Origin.model_validate(tags | fields)
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        value = in_line(tags.get(field, ""))[:80]
        allowed = "allowed is a complete run of charloom's pipeline, from a commit; `make track` completes a run"
        raise WrongInput(f"{name}: {TAGS.get(field, field)} is missing or invalid: {value!r}; {allowed}") from None


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
