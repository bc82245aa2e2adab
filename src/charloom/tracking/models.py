"""Send a run's models: the best, the last, and all checkpoints, each as a LoggedModel with its step and metrics.

A model is a folder in MLflow's format, with code and arrays, without a pickle: see served.py. A server without
LoggedModels (MLflow before 3, and some compatible servers) gets the models as artifacts of the run. All operations are
idempotent: after a kill, the next process completes the models.
"""

import tempfile
import warnings
from importlib.metadata import version
from itertools import product
from pathlib import Path
from shutil import copy

from mlflow.entities import LoggedModel, LoggedModelOutput, Metric, Run
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import save_model
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType

from charloom import NEEDED
from charloom.base.terminal import warn_once
from charloom.results.records import MEASURE, MEASURE_OF_PART
from charloom.results.spool import FILES, MODEL_CODE, MODEL_FILE
from charloom.sampling.options import DEFAULTS
from charloom.tracking import served
from charloom.tracking.entries import Entry
from charloom.tracking.limits import note_progress
from charloom.tracking.reasons import NO_MODELS, NOT_FOUND
from charloom.tracking.registry import MODELS
from charloom.tracking.store import Store, all_results, params_as_text

METRICS = ("smooth_loss", MEASURE, MEASURE_OF_PART)  # metrics of a model, if the run has a value at its update
SERVED = Path(str(served.__file__))
OUR_CODE = SERVED.read_bytes()  # read at import, because DVC may remove an experiment's folder
# "Any", not "string": MLflow's server would convert numbers and null to text. served.py refuses them.
SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec(AnyType(), "prime")]),  # type: ignore[no-untyped-call]  # MLflow's own
    outputs=Schema([ColSpec("string")]),
    params=ParamSchema([ParamSpec(n, "double" if isinstance(v, float) else "long", v) for n, v in DEFAULTS.items()]),
)
LIBRARIES = ("mlflow", "pandas", *NEEDED)  # requirements of a served model


def send_models(store: Store, run: Run, entry: Entry, updates: dict[str, int]) -> dict[str, str]:
    """Send the models in `updates` that the store lacks, linked to their run; return the addresses of all in `updates`.

    A LoggedModel that a killed process has created and not completed is sent again.

    updates  the number of updates of each model, by name
    """
    client, run_id, number, points = store.client, run.info.run_id, run.info.experiment_id, list[Metric]()
    try:
        stored = all_results(client.search_logged_models, [number], f"source_run_id = '{run_id}'")
    except MlflowException as error:
        if error.get_http_status_code() != NOT_FOUND:  # type: ignore[no-untyped-call]  # MLflow's own
            raise
        warn_once(store.uri, NO_MODELS)
        addresses = {name: f"{run.info.artifact_uri}/models/{name}" for name in updates}
        _upload(store, run, entry, addresses, {})
        return addresses
    models: dict[str, LoggedModel] = {model.name: model for model in stored}
    missing = [name for name in updates if name not in models or models[name].status != "READY"]
    params = params_as_text(entry.first.params)
    for name in missing:
        if name not in models:
            models[name] = client.create_logged_model(number, name, run_id, params=params)
            note_progress()
    ids = {name: models[name].model_id for name in updates}
    _upload(store, run, entry, {name: models[name].artifact_location for name in missing}, ids)
    for name, key in product(missing, METRICS):
        if value := entry.points.get((key, updates[name])):  # the same time: MLflow deduplicates the point
            when = round(1000 * value[1])
            points.append(Metric(key, value[0], when, updates[name], model_id=ids[name], run_id=run_id))
    client.log_batch(run_id, metrics=points)
    linked = {output.model_id for output in run.outputs.model_outputs} if run.outputs else set()
    links = [LoggedModelOutput(ids[name], updates[name]) for name in missing if ids[name] not in linked]
    if links:
        client.log_outputs(run_id, links)
    for name in missing:
        client.finalize_logged_model(ids[name], "READY")
        note_progress()
    return {name: MODELS + model_id for name, model_id in ids.items()}


def _upload(store: Store, run: Run, entry: Entry, addresses: dict[str, str], ids: dict[str, str]) -> None:
    """Upload the run's models to these addresses, by name. `ids` has the ids of LoggedModels by name."""
    about = Model(run_id=run.info.run_id)
    with tempfile.TemporaryDirectory() as temporary:
        for name, address in addresses.items():
            about.model_id = ids.get(name)
            write_model(Path(temporary) / "model", entry.folder / FILES, name, about)
            store.upload(Path(temporary) / "model", address)


def write_model(folder: Path, files: Path, name: str, about: Model) -> None:
    """Write the model to the folder in MLflow's format.

    folder  a missing folder, or one with another model of the same run, from which this model differs only in its
            arrays and its id
    files   folder with the entry's files in the spool
    about   MLflow's description, with the ids of the run and of the model

    MLflow executes the model's code when it saves a model. Therefore MLflow gets our own code, and the code from the
    entry, which may be of another version, replaces it afterwards.
    """
    array, code = folder.with_name(MODEL_FILE), folder.with_name(SERVED.name)
    copy(files / f"models/{name}.npz", array)
    if not folder.exists():
        code.write_bytes(OUR_CODE)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*An input example was not provided")
            save_model(
                folder,
                python_model=str(code),  # MLflow records the file name
                artifacts={"model": str(array)},
                code_paths=[str(path) for path in (files / MODEL_CODE).iterdir() if path.name != code.name],
                signature=SIGNATURE,
                pip_requirements=[f"{library}=={version(library)}" for library in LIBRARIES],
                mlflow_model=about,
            )
        copy(files / MODEL_CODE / code.name, folder)
    copy(array, folder / "artifacts")
    about.save(str(folder / "MLmodel"))
