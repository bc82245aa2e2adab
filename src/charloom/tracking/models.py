"""Send a run's models: the best, the last, and all checkpoints, each as a LoggedModel with its step and metrics.

A model is a folder in MLflow's format, with code and arrays, without a pickle: see served.py. A server without
LoggedModels (MLflow before 3, and some compatible servers) gets the models as artifacts of the run. All operations are
idempotent: after a kill, the next process completes the models.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shutil import copy
from uuid import uuid4

import pandas as pd
from mlflow.entities import LoggedModel, LoggedModelOutput, Metric, Run
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import save_model
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType

from charloom.base.terminal import warn_once
from charloom.results.records import MEASURE, MEASURE_OF_PART
from charloom.results.spool import FILES, MODEL_CODE, MODEL_FILE, Tracked
from charloom.sampling.options import DEFAULTS
from charloom.tracking import served
from charloom.tracking.entries import Entry
from charloom.tracking.reasons import NO_MODELS, NOT_FOUND
from charloom.tracking.registry import MODELS
from charloom.tracking.store import Store, all_results, dataset_key, params_as_text

METRICS = ("smooth_loss", MEASURE, MEASURE_OF_PART)  # metrics of a model, if the run has a value at its update
SERVED = Path(str(served.__file__))
OUR_CODE = SERVED.read_bytes()  # read at import, because DVC may remove an experiment's folder
# "Any", not "string": MLflow's server would convert numbers and null to text. served.py refuses them.
SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec(AnyType(), "prime")]),  # type: ignore[no-untyped-call]  # MLflow's own
    outputs=Schema([ColSpec("string")]),
    params=ParamSchema([ParamSpec(n, "double" if isinstance(v, float) else "long", v) for n, v in DEFAULTS.items()]),
)
DERIVED = ("conda.yaml", "serving_input_example.json")  # redundant: not sent


def send_models(store: Store, run: Run, entry: Entry, tracked: Tracked, names: Sequence[str]) -> dict[str, str]:
    """Send those of the named models that the store lacks; return the address of each named model, by name.

    A server without LoggedModels gets all named models, as artifacts of the run.

    tracked  what `track` has recorded about the entry's files
    names    keys of `tracked.models`
    """
    condition = f"source_run_id = '{run.info.run_id}'"
    try:
        stored = all_results(store.client.search_logged_models, [run.info.experiment_id], condition)
    except MlflowException as error:
        if error.get_http_status_code() != NOT_FOUND:  # type: ignore[no-untyped-call]  # MLflow's own
            raise
        warn_once(store.uri, NO_MODELS)
        return _as_artifacts(store, run, entry, tracked, names)
    models = {model.name: model for model in stored}
    if missing := [name for name in names if name not in models or models[name].status != "READY"]:
        _as_logged_models(store, run, entry, tracked, missing, models)
    return {name: MODELS + models[name].model_id for name in names}


def _as_logged_models(
    store: Store, run: Run, entry: Entry, tracked: Tracked, names: list[str], models: dict[str, LoggedModel]
) -> None:
    """Send the named models as LoggedModels, linked to their run, and add them to `models`.

    models  LoggedModels by name; a killed process may have created a named model and not completed it
    """
    client, run_id, start, points = store.client, run.info.run_id, entry.first, list[Metric]()
    for name in names:
        if name not in models:
            params = params_as_text(start.params)
            models[name] = client.create_logged_model(run.info.experiment_id, name, run_id, params=params)
    ids = {name: models[name].model_id for name in names}
    for name, folder in model_folders(entry.folder / FILES, tracked, run_id, ids):
        store.upload(folder, models[name].artifact_location)
        update = tracked.models[name]
        for key in METRICS:
            if value := entry.points.get((key, update)):  # the same time: MLflow deduplicates the point
                when = round(1000 * value[1])
                points.append(Metric(key, value[0], when, update, ids[name], *dataset_key(start), run_id))
    client.log_batch(run_id, metrics=points)
    linked = {output.model_id for output in run.outputs.model_outputs} if run.outputs else set()
    if links := [LoggedModelOutput(ids[name], tracked.models[name]) for name in names if ids[name] not in linked]:
        client.log_outputs(run_id, links)
    for model_id in ids.values():
        client.finalize_logged_model(model_id, "READY")


def _as_artifacts(store: Store, run: Run, entry: Entry, tracked: Tracked, names: Sequence[str]) -> dict[str, str]:
    """Upload the named models' folders as artifacts of the run; return the models' addresses by name."""
    addresses = {name: f"{run.info.artifact_uri}/models/{name}" for name in names}
    for name, folder in model_folders(entry.folder / FILES, tracked, run.info.run_id, dict.fromkeys(addresses)):
        store.upload(folder, addresses[name])
    return addresses


def model_folders(
    files: Path, tracked: Tracked, run_id: str, ids: Mapping[str, str | None]
) -> Iterator[tuple[str, Path]]:
    """Write the models of the run to a temporary folder, one after the other; yield each model's name and the folder.

    The folder is always the same, so a caller uploads it before the next step.

    files    folder with the entry's files in the spool
    tracked  what `track` has recorded about these files
    ids      ids of the LoggedModels by name; None for a model that is an artifact of the run

    MLflow executes the model's code when it saves a model. Therefore MLflow gets our own code, and the code from the
    entry, which may be of another version, replaces it afterwards. The models of one run differ only in arrays and ids,
    so MLflow saves the first model; arrays and ids of the others replace those of the first.
    """
    about = Model(run_id=run_id)
    with tempfile.TemporaryDirectory() as temporary:
        folder, code, array = (Path(temporary) / name for name in ("model", SERVED.name, MODEL_FILE))
        for name, model_id in ids.items():
            copy(files / f"models/{name}.npz", array)
            about.model_id, about.model_uuid = model_id, uuid4().hex
            if not folder.exists():
                code.write_bytes(OUR_CODE)
                save_model(
                    folder,
                    python_model=str(code),  # MLflow records the file name
                    artifacts={"model": str(array)},
                    code_paths=[str(path) for path in (files / MODEL_CODE).iterdir() if path.name != code.name],
                    signature=SIGNATURE,
                    input_example=(pd.DataFrame({"prime": [tracked.prime]}), DEFAULTS),
                    pip_requirements=tracked.requirements,
                    mlflow_model=about,
                )
                copy(files / MODEL_CODE / code.name, folder)
                for path in DERIVED:
                    (folder / path).unlink()
                about.flavors["python_function"]["env"].pop("conda")
                (about.saved_input_example_info or {}).pop("serving_input_path")
            copy(array, folder / "artifacts")
            about.save(str(folder / "MLmodel"))
            yield name, folder
