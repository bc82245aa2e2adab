"""Models in MLflow: a run's best and last as LoggedModels, its best in the registry, and the way back to a file.

All of it can be repeated: what a killed process has begun, the next one completes.
"""

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from modulefinder import ModuleFinder
from pathlib import Path
from shutil import copy

import pandas as pd
from mlflow import set_tracking_uri
from mlflow.entities import LoggedModel, LoggedModelOutput, Metric
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import save_model
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

from charloom.base.errors import WrongInput
from charloom.sampling.options import DEFAULTS
from charloom.tracking.address import database
from charloom.tracking.live import first_line
from charloom.tracking.store import Run, Store, asked

SOURCES = Path("src")
SERVED = SOURCES / "charloom/served.py"
FILE = "model.npz"
LIBRARIES = ("mlflow", "numba", "numpy", "pandas", "pydantic")  # what it and what it imports need
# "Any", not "string": MLflow's server would make a text of a number and of nothing; served.py refuses them.
SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec(AnyType(), "prime")]),  # type: ignore[no-untyped-call]  # MLflow's own
    outputs=Schema([ColSpec("string")]),
    params=ParamSchema([ParamSpec(n, "double" if isinstance(v, float) else "long", v) for n, v in DEFAULTS.items()]),
)
ALIAS = "best"
MODELS = "models:/"  # before a LoggedModel's id
MEASURE, COMPARABLE = "charloom.measure", "charloom.comparable"  # tags of a version
ADDRESS = re.compile(
    r"models:/(?:(?P<model_id>m-[0-9a-f]+)|(?P<name>[^/@:]+)(?:@(?P<alias>[^/@:]+)|/(?P<version>[0-9]+)))"
)


@dataclass(frozen=True)
class Trained:
    """A model to log.

    name        of the LoggedModel: `best` or `last`
    file        its npz
    update      the updates that made it
    prime       a text that it can go on from: the input example
    metrics     by name, each with its step
    """

    name: str
    file: Path
    update: int
    prime: str
    metrics: Mapping[str, tuple[int, float]]


@dataclass(frozen=True)
class Version:
    """What a version in the registry says.

    name         of the registered model, and `about` it
    description  of the version
    measure      the smaller, the better, among versions that are equal in `comparable`
    """

    name: str
    about: str
    description: str
    measure: float
    comparable: str


def log(store: Store, run: Run, model: Trained, dataset: tuple[str, str], params: dict[str, str]) -> LoggedModel:
    """Return the LoggedModel, made of the file and linked to the run; its metrics are linked to the dataset."""
    client, run_id = store.client, run.info.run_id
    which = f"source_run_id = '{run_id}' AND name = '{model.name}'"
    found: list[LoggedModel] = client.search_logged_models([store.experiment_id], which)
    store.answered()
    if found and found[0].status == "READY":
        return found[0]
    logged = found[0] if found else client.create_logged_model(store.experiment_id, model.name, run_id, params=params)
    store.answered()
    with tempfile.TemporaryDirectory() as folder:
        saved = _saved(Path(folder), model, Model(run_id=run_id, model_id=logged.model_id))
        store.upload(saved, logged.artifact_location)
    metrics = [
        Metric(key, value, run.info.start_time, step, logged.model_id, *dataset, run_id)
        for key, (step, value) in model.metrics.items()
    ]
    client.log_batch(run_id, metrics=metrics)
    store.answered()
    outputs = client.get_run(run_id).outputs
    store.answered()
    if logged.model_id not in {each.model_id for each in (outputs.model_outputs if outputs else [])}:
        client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, model.update)])
        store.answered()
    ready = client.finalize_logged_model(logged.model_id, "READY")
    store.answered()
    return ready


def _saved(folder: Path, model: Trained, about: Model) -> Path:
    """Return MLflow's folder of the model, made in this folder: code and arrays, no pickle."""
    finder = ModuleFinder(path=[str(SOURCES)])
    finder.run_script(str(SERVED))
    code = folder / "charloom"
    code.mkdir()
    for name in finder.modules:
        path = SOURCES.joinpath(*name.split("."))
        for source in (path.with_suffix(".py"), path / "__init__.py"):
            if source.is_file():
                copy(source, code)
    copy(SERVED, folder)  # MLflow notes from where it has it
    copy(model.file, folder / FILE)
    save_model(
        folder / "model",
        python_model=folder / SERVED.name,
        artifacts={"model": str(folder / FILE)},
        code_paths=[str(code)],
        signature=SIGNATURE,
        input_example=(pd.DataFrame({"prime": [model.prime]}), DEFAULTS),
        pip_requirements=[f"{library}=={version(library)}" for library in LIBRARIES],
        mlflow_model=about,
    )
    return folder / "model"


def register(store: Store, run: Run, logged: LoggedModel, as_version: Version) -> None:
    """Make the model a version of the registered one, and the best of all comparable versions its `best`.

    The smallest measure is the best, of equals the first version.
    """
    client, name, comparable = store.client, as_version.name, as_version.comparable
    try:
        client.create_registered_model(name, description=as_version.about)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    store.answered()
    versions = _versions(store, name)
    if not any(each.run_id == run.info.run_id for each in versions):
        set_tracking_uri(store.uri)  # MLflow would look for the LoggedModel in a store of its own choice
        source, tags = MODELS + logged.model_id, {MEASURE: repr(as_version.measure), COMPARABLE: comparable}
        made = client.create_model_version(
            name,
            source,
            run.info.run_id,
            tags,
            description=as_version.description,
            await_creation_for=0,
            model_id=logged.model_id,  # a server takes no version without it
        )
        versions.append(made)
        store.answered()
    mine = next(each.version for each in versions if each.run_id == run.info.run_id)
    shown = json.dumps([{"name": name, "version": mine}])
    client.set_logged_model_tags(logged.model_id, {MLFLOW_MODEL_VERSIONS: shown})  # on the LoggedModel's page
    store.answered()
    rivals = [each for each in versions if each.tags.get(COMPARABLE) == comparable]
    best = min(rivals, key=lambda each: (float(each.tags[MEASURE]), int(each.version)))
    aliases = client.get_registered_model(name).aliases
    store.answered()
    if aliases.get(ALIAS) != best.version:
        client.set_registered_model_alias(name, ALIAS, best.version)
        store.answered()


def _versions(store: Store, name: str) -> list[ModelVersion]:
    found: list[ModelVersion] = []
    token = None
    while True:
        page = store.client.search_model_versions(f"name = '{name}'", page_token=token)
        found += page
        store.answered()
        if not (token := page.token):
            return found


def fetch(address: str, folder: Path) -> Path:
    """Return the model's npz file, copied into the folder from the LoggedModel or the registered version.

    Raises WrongInput where there is no such model or it is not charloom's, Unavailable where MLflow does not answer.
    """
    if not (parts := ADDRESS.fullmatch(address)):
        raise WrongInput(f"--model: {address} is not allowed: models:/NAME@ALIAS, models:/NAME/VERSION or models:/m-ID")
    base = database()
    if base is not None and not base.exists():
        raise WrongInput(f"--model: {address}: there is no MLflow store yet: {base} does not exist")

    def copied(store: Store) -> Path:
        reason = ""
        try:
            location = store.client.get_logged_model(_model_id(store, **parts.groupdict())).artifact_location
            reason = f"it has no artifacts/{FILE}: charloom has not logged it"
            return store.download(location, f"artifacts/{FILE}", folder)
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise WrongInput(f"--model: {address}: {reason or first_line(error)}") from None
            raise

    return asked(copied)


def _model_id(store: Store, model_id: str, name: str, alias: str, version: str) -> str:
    if model_id:
        return model_id
    get = store.client.get_model_version_by_alias if alias else store.client.get_model_version
    return str(get(name, alias or version).source).removeprefix(MODELS)
