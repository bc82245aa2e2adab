"""Send a run's models: the best, the last, and all checkpoints, each as a LoggedModel with its step and metrics.

A model is a folder in MLflow's format, with code and arrays, without a pickle: see served.py. A server without
LoggedModels (MLflow before 3, and some compatible servers) gets the models as artifacts of the run. All operations are
idempotent: after a kill, the next process completes the models.

MLflow's model registry has a registered model for each text, with a version for the better model of each run. The
model has the name of the text's experiment, with `-` for spaces and special characters. If that name belongs to another
text, the first digits of the text's SHA-256 are added. The alias `@best` names the best of the versions that are
comparable with the newest.
"""

import json
import math
import re
import tempfile
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path
from shutil import copy

import numpy as np
import pandas as pd
from mlflow.entities import Experiment, LoggedModel, LoggedModelOutput, Metric, Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import save_model
from mlflow.types.schema import AnyType, ColSpec, ParamSchema, ParamSpec, Schema

import charloom.core.model.model_file  # noqa: F401  served.py imports it, when the sources may have been removed
from charloom import NEEDED
from charloom.core.base.terminal import warn_once
from charloom.core.base.words import in_line
from charloom.core.config.records import DEFAULT_MEASURE, PART_MEASURE, TrainMetrics
from charloom.sampling.options import DEFAULTS
from charloom.tracking import tag
from charloom.tracking.entries import Entry
from charloom.tracking.limits import note_progress
from charloom.tracking.reasons import DENIED, NO_MODELS, NOT_FOUND, first_line
from charloom.tracking.spool import BEST, FILES, LAST, MODEL_CODE, MODEL_FILE, PACKED, SERVED, Started
from charloom.tracking.store import Store, all_results, create_once, params_as_text, text_of

METRICS = ("smooth_loss", DEFAULT_MEASURE, PART_MEASURE)  # metrics of a model, if the run has a value at its update
OUR_CODE = Path(__file__).with_name(SERVED).read_bytes()  # read at import: DVC may remove an experiment's folder
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


def send_models(store: Store, run: Run, entry: Entry, updates: dict[str, int]) -> dict[str, str]:
    """Send the models that the store lacks, and link them to the run; return the addresses of all models by name.

    A LoggedModel that a killed process has created and not completed is sent again.

    updates  the number of updates of each model, by name
    """
    client, run_id, number, points = store.client, run.info.run_id, run.info.experiment_id, list[Metric]()
    search = partial(all_results, client.search_logged_models, [number])
    try:
        stored = search(f"source_run_id = '{run_id}'")
    except MlflowException as error:
        if error.get_http_status_code() != NOT_FOUND:  # type: ignore[no-untyped-call]  # MLflow's own
            raise
        warn_once(store.uri, NO_MODELS)
        addresses = {name: f"{run.info.artifact_uri}/models/{name}" for name in updates}
        _upload(store, run, entry, addresses, {})
        return addresses
    models: dict[str, LoggedModel] = {model.name: model for model in stored}
    missing = [name for name in updates if name not in models or models[name].status != "READY"]
    for name in sorted({*missing} - models.keys(), key=updates.__getitem__):  # MLflow's page shows the newest first
        create = partial(client.create_logged_model, number, name, run_id, params=params_as_text(entry.first.params))
        models[name] = create_once(create, partial(search, f"source_run_id = '{run_id}' AND name = '{name}'"))
        note_progress()
    ids = {name: models[name].model_id for name in updates}
    _upload(store, run, entry, {name: models[name].artifact_location for name in missing}, ids)
    for name, key in product(missing, METRICS):
        if value := entry.points.get((key, updates[name])):  # the same time: MLflow deduplicates the point
            points.append(Metric(key, value[0], round(1000 * value[1]), updates[name], model_id=ids[name]))
    client.log_batch(run_id, metrics=points)
    linked = {output.model_id for output in run.outputs.model_outputs} if run.outputs else set()
    links = [LoggedModelOutput(ids[name], updates[name]) for name in missing if ids[name] not in linked]
    if links:
        client.log_outputs(run_id, links)
    store.each(lambda name: client.finalize_logged_model(ids[name], "READY"), missing)
    return {name: MODELS + model_id for name, model_id in ids.items()}


def _upload(store: Store, run: Run, entry: Entry, addresses: dict[str, str], ids: dict[str, str]) -> None:
    """Upload each model in `addresses` (address by name). `ids` has the LoggedModels' ids by name, or is empty."""
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

    MLflow executes the model's code when it saves a model. Therefore MLflow gets OUR_CODE, the served.py of the
    running version, and the entry's served.py, which may be of another version, replaces it afterwards.
    """
    array, code = folder.with_name(MODEL_FILE), folder.with_name(SERVED)
    copy(files / f"models/{name}.npz", array)
    if not folder.exists():
        code.write_bytes(OUR_CODE)
        with np.load(array) as arrays:
            prime = chr(arrays["vocabulary"][arrays["first"]])
        save_model(
            folder,
            python_model=str(code),  # MLflow records this path
            artifacts={"model": str(array)},
            code_paths=[str(files / MODEL_CODE / PACKED)],
            signature=SIGNATURE,
            input_example=(pd.DataFrame({"prime": [prime]}), DEFAULTS),
            pip_requirements=[f"{library}=={version(library)}" for library in LIBRARIES],
            mlflow_model=about,
        )
        copy(files / MODEL_CODE / SERVED, folder)
    copy(array, folder / "artifacts")
    about.save(str(folder / "MLmodel"))


def better_model(start: Started, train: TrainMetrics) -> tuple[str, float, str, str]:
    """Return the better of a run's two models, BEST or LAST, with its measure, the measure's name, and a key.

    The measure (smaller is better) is the held-out bits per character. If no text is held out, the model is BEST, and
    the measure is its smooth loss. Two versions in the registry are comparable if their keys are equal.
    """
    params, last_bits = start.params, train.held_out_bits_per_character
    model, bits = BEST, train.best_held_out_bits_per_character
    if bits is not None and last_bits is not None and last_bits < bits:
        model, bits = LAST, last_bits
    name, measure = (DEFAULT_MEASURE, bits) if bits is not None else ("best_smooth_loss", train.best_smooth_loss)
    length = "" if bits is not None else f" {params.loss_of}"
    held_out = f"held_out={params.prepare.held_out} {train.held_out_characters_read}"
    return model, measure, name, f"{name}{length} {held_out} {start.text_sha256}"


def register(
    store: Store, experiment: Experiment, run: Run, addresses: dict[str, str], start: Started, train: TrainMetrics
) -> None:
    """Register the run's better model as a version of its text's registered model, unless the run has a version.

    The alias `@best` is set to the first version with the smallest measure, among the versions comparable with this
    run's. A version whose measure is not a number ranks last. If the user may not write to the registered model, print
    a warning.

    addresses  the addresses of the run's models by name, at least of BEST and LAST
    """
    client, source = store.client, in_line(start.params.prepare.text)
    name = re.sub(r"[^\w.-]+", "-", experiment.tags.get(tag.NAME, experiment.name))  # charloom-moby_dick
    model, measure, metric, comparable = better_model(start, train)
    update = train.updates if model == LAST else train.best_update
    try:
        versions = all_results(client.search_model_versions, f"name = '{name}'")
        if versions and text_of(min(versions, key=lambda version: int(version.version))) != start.text_sha256:
            name = f"{name}-{start.text_sha256[:8]}"
            versions = all_results(client.search_model_versions, f"name = '{name}'")
        if not versions:
            _create(store, name, source)
        if not any(version.run_id == run.info.run_id for version in versions):
            tags = {tag.MEASURED: repr(measure), tag.COMPARABLE: comparable}
            about = f"{measure:.4f} {metric} after {update:,} updates; sent by {store.user}"
            address, run_id = addresses[model], run.info.run_id
            model_id = address.removeprefix(MODELS) if address.startswith(MODELS) else None
            create = partial(
                client.create_model_version, name, address, run_id, tags, description=about, await_creation_for=0,
                model_id=model_id,
            )  # fmt: skip
            version = create_once(create, partial(all_results, client.search_model_versions, f"run_id = '{run_id}'"))
            versions.append(version)
            if model_id and not store.remote:  # a server sets this tag itself, from which the model's page is made
                shown = json.dumps([{"name": name, "version": int(version.version)}])
                client.set_logged_model_tags(model_id, {"mlflow.modelVersions": shown})
        best = min((version for version in versions if version.tags.get(tag.COMPARABLE) == comparable), key=_rank)
        if ALIAS not in best.aliases:
            client.set_registered_model_alias(name, ALIAS, best.version)
    except MlflowException as error:  # another user owns the registered model; the run is kept
        if error.error_code != DENIED:
            raise
        warn_once(name, f"the best model is not registered: {first_line(error, f'model {name}')}")


def _create(store: Store, name: str, source: str) -> None:
    """Create the registered model. Do nothing if it exists: without a version, or hidden from this user."""
    try:
        store.client.create_registered_model(name, description=ABOUT.format(source))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _rank(version: ModelVersion) -> tuple[float, int]:
    """Return the version's measure (infinity if it is not a number) and number: the order for `@best`."""
    measure = math.inf
    with suppress(ValueError):  # somebody has edited the tag
        measure = float(version.tags.get(tag.MEASURED, ""))
    return measure, int(version.version)
