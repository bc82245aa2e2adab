"""Send a run's models: the best, the last, and all checkpoints, each as a LoggedModel with its step and metrics.

A model is a folder in MLflow's format, with code and arrays, without a pickle: see served.py. A server without
LoggedModels (MLflow before 3, and some compatible servers) gets the models as artifacts of the run. All operations are
idempotent: after a kill, the next process completes the models.

MLflow's model registry has a registered model for each text, with a version for the better model of each run. The
model has the name of the text's experiment, with `-` for spaces and special characters. The alias `@best` names the
best of the versions that are comparable with the newest.
"""

import json
import math
import re
import shutil
from contextlib import suppress
from importlib.metadata import version
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from mlflow.entities import Experiment, LoggedModel, LoggedModelOutput, Metric, Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import save_model
from mlflow.types.schema import AnyType, ColSpec, ParamSchema, ParamSpec, Schema

from charloom import NEEDED
from charloom.core.base.terminal import warn_once
from charloom.core.base.words import in_line
from charloom.core.config.records import DEFAULT_MEASURE, PART_MEASURE
from charloom.sampling.options import DEFAULTS
from charloom.tracking import tag
from charloom.tracking.limits import note_progress
from charloom.tracking.outbox import CODE, FILES, MODEL_FILES, PACKED, SERVED, Manifest
from charloom.tracking.reasons import DENIED, NOT_FOUND, first_line
from charloom.tracking.store import Store

MODEL_FILE = "model.npz"  # a model's arrays, in its folder in MLflow
METRICS = ("smooth_loss", DEFAULT_MEASURE, PART_MEASURE)  # metrics of a model, if the run has a value at its update
# "Any", not "string": MLflow's server would convert numbers and null to text. served.py refuses them.
SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec(AnyType(), "prime")]),  # type: ignore[no-untyped-call]  # MLflow's own
    outputs=Schema([ColSpec("string")]),
    params=ParamSchema([ParamSpec(n, "double" if isinstance(v, float) else "long", v) for n, v in DEFAULTS.items()]),
)
LIBRARIES = ("mlflow", "pandas", *NEEDED)  # requirements of a served model
ABOUT = (
    "The better model of each run on `{}`, by held-out text: the model with the lowest smooth loss, or the last model. "
    "`@best` is the best of all versions that were measured in the same way as the newest version."
)
ALIAS = "best"
MODELS = "models:/"  # the prefix of a LoggedModel's id in an address


def send_models(store: Store, run: Run, folder: Path, manifest: Manifest) -> dict[str, str]:
    """Send the models that the store lacks, and link them to the run; return the addresses of all models by name.

    A LoggedModel that a killed process has created and not completed is sent again.

    folder  the folder of the run's entry in the outbox
    """
    client, run_id, number, updates = store.client, run.info.run_id, run.info.experiment_id, manifest.models
    try:  # a run has fewer models than a page of results
        stored = client.search_logged_models([number], f"source_run_id = '{run_id}'")
    except MlflowException as error:
        if error.get_http_status_code() != NOT_FOUND:  # type: ignore[no-untyped-call]  # MLflow's own
            raise
        addresses = {name: f"{run.info.artifact_uri}/models/{name}" for name in updates}
        _upload(store, run, folder, addresses, {})
        return addresses
    models: dict[str, LoggedModel] = {model.name: model for model in stored}
    missing = [name for name in updates if name not in models or models[name].status != "READY"]
    for name in sorted({*missing} - models.keys(), key=updates.__getitem__):  # MLflow's page shows the newest first
        models[name] = client.create_logged_model(number, name, run_id, params=manifest.params)
        note_progress()
    ids = {name: models[name].model_id for name in updates}
    _upload(store, run, folder, {name: models[name].artifact_location for name in missing}, ids)
    points = [
        Metric(metric, value, round(1000 * when), update, model_id=ids[name])  # the same time: MLflow deduplicates
        for name, (metric, update, value, when) in product(missing, manifest.points)
        if metric in METRICS and update == updates[name]
    ]
    if not any(models[name].metrics for name in missing):  # an earlier attempt has sent them
        client.log_batch(run_id, metrics=points)
    linked = {output.model_id for output in run.outputs.model_outputs} if run.outputs else set()
    links = [LoggedModelOutput(ids[name], updates[name]) for name in missing if ids[name] not in linked]
    if links:
        client.log_outputs(run_id, links)
    for name in missing:
        client.finalize_logged_model(ids[name], "READY")
        note_progress()
    return {name: MODELS + model_id for name, model_id in ids.items()}


def _upload(store: Store, run: Run, folder: Path, addresses: dict[str, str], ids: dict[str, str]) -> None:
    """Upload each model in `addresses` (address by name). `ids` has the LoggedModels' ids by name, or is empty."""
    about = Model(run_id=run.info.run_id)
    with TemporaryDirectory() as temporary:  # MLflow records the paths of files that it is given
        place = Path(shutil.copytree(folder / FILES / CODE, Path(temporary) / CODE)).parent
        for name, address in addresses.items():
            about.model_id = ids.get(name)
            shutil.copy(folder / FILES / MODEL_FILES / f"{name}.npz", place / MODEL_FILE)
            store.upload(write_model(place, about), address)


def write_model(place: Path, about: Model) -> Path:
    """Write a folder with a model in MLflow's format, and return the folder.

    place  a folder with the arrays, MODEL_FILE, and CODE; if it has a model of the same run, the new model differs from
           that only in its arrays and its id
    about  MLflow's description, with the ids of the run and of the model

    MLflow executes the model's code when it saves a model.
    """
    folder, array = place / "model", place / MODEL_FILE
    if not folder.exists():
        with np.load(array) as arrays:
            prime = chr(arrays["vocabulary"][arrays["first"]])
        save_model(
            folder,
            python_model=str(place / CODE / SERVED),
            artifacts={"model": str(array)},
            code_paths=[str(place / CODE / PACKED)],
            signature=SIGNATURE,
            input_example=(pd.DataFrame({"prime": [prime]}), DEFAULTS),
            pip_requirements=[f"{library}=={version(library)}" for library in LIBRARIES],
            mlflow_model=about,
        )
    shutil.copy(array, folder / "artifacts")
    about.save(str(folder / "MLmodel"))
    return folder


def register(store: Store, experiment: Experiment, run: Run, addresses: dict[str, str], manifest: Manifest) -> None:
    """Register the run's better model as a version of its text's registered model, unless the run has a version.

    The alias `@best` is set to the first version with the smallest measure, among the versions comparable with this
    run's. A version whose measure is not a number ranks last. If the user may not write to the registered model, print
    a warning.

    addresses  the addresses of the run's models by name
    """
    client, run_id, better = store.client, run.info.run_id, manifest.better
    name = re.sub(r"[^\w.-]+", "-", experiment.tags.get(tag.NAME, experiment.name))  # charloom-moby_dick
    try:
        versions = list(client.search_model_versions(f"name = '{name}'"))
        if not versions:
            with suppress(MlflowException):  # it exists without a version, or is hidden from this user
                client.create_registered_model(name, description=ABOUT.format(in_line(manifest.source)))
        if not any(version.run_id == run_id for version in versions):
            tags = {key: better[key] for key in (tag.MEASURED, tag.COMPARABLE)}
            address = addresses[better["model"]]
            model_id = address.removeprefix(MODELS) if address.startswith(MODELS) else None
            version = client.create_model_version(
                name, address, run_id, tags, await_creation_for=0, model_id=model_id,
                description=f"{better['about']}; sent by {store.user}",
            )  # fmt: skip
            versions.append(version)
            if model_id and not store.remote:  # a server sets this tag itself, from which the model's page is made
                shown = json.dumps([{"name": name, "version": int(version.version)}])
                client.set_logged_model_tags(model_id, {"mlflow.modelVersions": shown})
        comparable = [version for version in versions if version.tags.get(tag.COMPARABLE) == better[tag.COMPARABLE]]
        best = min(comparable, key=_rank)
        if ALIAS not in best.aliases:
            client.set_registered_model_alias(name, ALIAS, best.version)
    except MlflowException as error:  # another user owns the registered model; the run is kept
        if error.error_code != DENIED:
            raise
        warn_once(name, f"the best model is not registered: {name}: {first_line(error)}")


def _rank(version: ModelVersion) -> tuple[float, int]:
    """Return the version's measure (infinity if it is not a number) and number: the order for `@best`."""
    measure = math.inf
    with suppress(ValueError):  # somebody has edited the tag
        measure = float(version.tags.get(tag.MEASURED, ""))
    return measure, int(version.version)
