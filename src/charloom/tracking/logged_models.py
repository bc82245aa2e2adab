"""Models in MLflow: two of a run as LoggedModels, the better of them in the registry, and the way back to a file.

All of it can be repeated: what a killed process has begun, the next one completes.
"""

import json
import re
import tempfile
from pathlib import Path
from shutil import copy

import pandas as pd
from mlflow import set_tracking_uri
from mlflow.entities import LoggedModel, LoggedModelOutput, Metric, Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import save_model
from mlflow.store.artifact.models_artifact_repo import ModelsArtifactRepository
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType
from mlflow.utils import environment
from mlflow.utils import get_results_from_paginated_fn as all_pages
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

from charloom.base.errors import Damaged, WrongInput
from charloom.base.terminal import in_line, warn_once
from charloom.model.model_file import read_model
from charloom.network.order import READING
from charloom.results.records import MEASURE, TrainMetrics
from charloom.results.spool import FILES, MODEL_CODE, Start, Tracked
from charloom.sampling.options import DEFAULTS
from charloom.tracking import served
from charloom.tracking.address import database
from charloom.tracking.artifacts import download, upload
from charloom.tracking.ends import ends
from charloom.tracking.entries import Entry
from charloom.tracking.reasons import DENIED, first_line
from charloom.tracking.store import PAGE, Store, connected, dataset_key, shown

# A third of a second for what is known: the requirements are this environment's own versions.
environment.warn_dependency_requirement_mismatches = lambda _: None  # type: ignore[attr-defined,assignment]

FILE = "model.npz"
OUR_CODE = Path(str(served.__file__)).read_bytes()  # now: an experiment's folder may vanish
# "Any", not "string": MLflow's server would make a text of a number and of nothing; served.py refuses them.
SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec(AnyType(), "prime")]),  # type: ignore[no-untyped-call]  # MLflow's own
    outputs=Schema([ColSpec("string")]),
    params=ParamSchema([ParamSpec(n, "double" if isinstance(v, float) else "long", v) for n, v in DEFAULTS.items()]),
)
ABOUT = (
    "Of each run on `{}` the better of two models, on held-out text: that of the lowest smooth loss, and the last. "
    "`@best` is the best of all that were measured as the newest was."
)
ALIAS = "best"
SHOWN = {"best": "lowest_smooth_loss", "last": "last"}  # what the report, and charloom 0.1, call the best
MODELS = "models:/"  # before a LoggedModel's id
MEASURED, COMPARABLE = "charloom.measure", "charloom.comparable"  # tags of a version
DERIVED = ("conda.yaml", "serving_input_example.json")  # from python_env.yaml and input_example.json: not sent
NOT_THERE = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}
MALFORMED = "Not a proper models:/ URI"  # MLflow has no code for it


def model_name(source: str) -> str:
    """Return under which name the best models of a text, given by its file, are registered."""
    return re.sub(r"[^\w.-]+", "-", f"charloom-{Path(in_line(source)).stem}")


def send_models(store: Store, run: Run, entry: Entry, tracked: Tracked) -> None:
    """Log the run's models, and register the better one."""
    models = _log_models(store, run, entry, tracked)
    name = model_name(entry.first.params.prepare.text)
    try:
        _register(store, name, run, models, entry.first, tracked.train)
    except MlflowException as error:  # somebody else's model has the name: that is no reason to lose the run
        if error.error_code != DENIED:
            raise
        warn_once(name, f"the best model is not registered: {first_line(error, f'model {name}')}")


def _log_models(store: Store, run: Run, entry: Entry, tracked: Tracked) -> dict[str, LoggedModel]:
    """Return the run's LoggedModels by name, made and linked to the run, with what was measured of each.

    The name in MLflow says what a model is best at.
    """
    start = entry.first
    updates, measures = {"best": tracked.train.best_update, "last": tracked.train.updates}, ends(tracked.train)
    client, run_id = store.client, run.info.run_id
    which = f"source_run_id = '{run_id}'"
    logged = () if run_id in store.made else client.search_logged_models([store.experiment_id], which)
    there = {each.name: each for each in logged}
    found = {name: each for name in updates if (each := there.get(name) or there.get(SHOWN[name]))}
    create, params = client.create_logged_model, shown(start.params)
    models = {
        name: found.get(name) or create(store.experiment_id, SHOWN[name], run_id, params=params) for name in updates
    }
    if not (begun := {name: model for name, model in models.items() if model.status != "READY"}):
        return models
    for name, model in begun.items():
        with tempfile.TemporaryDirectory() as folder:
            saved = Model(run_id=run_id, model_id=model.model_id)
            filled = _saved(Path(folder), tracked.models[name], tracked, entry.folder / FILES, saved)
            upload(filled, model.artifact_location, store.uri)
    points = []
    for name, model in begun.items():
        values = {key: curve[updates[name]] for key, curve in measures.items() if updates[name] in curve}
        for key, value in values.items():  # at the time of the run's own point: at another it would stand beside it
            of_what = updates[name], model.model_id, *dataset_key(start), run_id
            points.append(Metric(key, value, round(1000 * entry.points[key, updates[name]][1]), *of_what))
    client.log_batch(run_id, metrics=points)
    outputs = client.get_run(run_id).outputs if found else None  # a model that is new is not linked
    linked = {each.model_id for each in outputs.model_outputs} if outputs else set()
    links = [LoggedModelOutput(each.model_id, updates[name]) for name, each in begun.items()]
    if links := [each for each in links if each.model_id not in linked]:
        client.log_outputs(run_id, links)
    return models | {name: client.finalize_logged_model(model.model_id, "READY") for name, model in begun.items()}


def _saved(folder: Path, model: str, tracked: Tracked, waits: Path, about: Model) -> Path:
    """Return MLflow's folder of the model, made in this folder: code and arrays, no pickle.

    MLflow executes the model's code to save it. So it is given ours; the run's own, which may be another experiment's,
    takes its place afterwards.
    """
    copy(waits / model, folder / FILE)
    own = folder / Path(str(served.__file__)).name
    own.write_bytes(OUR_CODE)
    save_model(
        folder / "model",
        python_model=str(own),  # MLflow notes from where it has it
        artifacts={"model": str(folder / FILE)},
        code_paths=[str(each) for each in (waits / MODEL_CODE).iterdir() if each.name != own.name],
        signature=SIGNATURE,
        input_example=(pd.DataFrame({"prime": [tracked.prime]}), DEFAULTS),
        pip_requirements=tracked.requirements,
        mlflow_model=about,
    )
    copy(waits / MODEL_CODE / own.name, folder / "model")
    for each in DERIVED:
        (folder / "model" / each).unlink()
    about.flavors["python_function"]["env"].pop("conda")
    (about.saved_input_example_info or {}).pop("serving_input_path")
    about.save(str(folder / "model" / "MLmodel"))
    return folder / "model"


def measured(start: Start, train: TrainMetrics) -> tuple[str, float, str, str]:
    """Return which model is better, its measure, the smaller the better; its name; what two have equal that compare."""
    params, of_last = start.params, train.held_out_bits_per_character
    which, bits = "best", train.best_held_out_bits_per_character
    if bits is not None and of_last is not None and of_last < bits:
        which, bits = "last", of_last
    what, measure = (MEASURE, bits) if bits is not None else ("best_smooth_loss", train.best_smooth_loss)
    order = "" if params.train.order == READING else " ".join(["", *map(str, params.recipe.order)])
    order += f" batch={params.batch}" if params.batch > 1 else ""
    length = "" if bits is not None else f" seq_length={params.seq_length}{order}"  # a smooth loss is of a sequence
    read = f"held_out={params.prepare.held_out} {train.held_out_characters_read}"
    return which, measure, what, f"{what}{length} {read} {start.text_sha256}"


def _register(
    store: Store, name: str, run: Run, models: dict[str, LoggedModel], start: Start, train: TrainMetrics
) -> None:
    """Make the better model a version of the registered one of that name, and the best of all that compare its `best`.

    Of equals it is the first version. A version with a measure that is none of ours is passed over, and named.
    """
    client, source = store.client, in_line(start.params.prepare.text)
    which, measure, what, comparable = measured(start, train)
    logged, update = models[which], train.updates if which == "last" else train.best_update
    versions = all_pages(lambda most, token: client.search_model_versions(f"name = '{name}'", most, None, token), PAGE)  # type: ignore[no-untyped-call]  # MLflow's own
    if not versions:
        try:
            client.create_registered_model(name, description=ABOUT.format(source))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
    if not any(each.run_id == run.info.run_id for each in versions):
        set_tracking_uri(store.uri)  # MLflow would look for the LoggedModel in a store of its own choice
        made = client.create_model_version(
            name, MODELS + logged.model_id, run.info.run_id, {MEASURED: repr(measure), COMPARABLE: comparable},
            description=f"{measure:.4f} {what} after {update:,} updates", await_creation_for=0,
            model_id=logged.model_id,  # a server takes no version without it
        )  # fmt: skip
        versions.append(made)
    if not store.remote:  # a server does it: on the LoggedModel's page
        mine = next(each for each in versions if each.run_id == run.info.run_id)
        shown = json.dumps([{"name": name, "version": mine.version}])
        client.set_logged_model_tags(mine.model_id or logged.model_id, {MLFLOW_MODEL_VERSIONS: shown})
    rivals = list[tuple[float, int, ModelVersion]]()
    for each in versions:
        if each.tags.get(COMPARABLE) == comparable:
            try:
                rivals.append((float(each.tags[MEASURED]), int(each.version), each))
            except (KeyError, ValueError):
                warn_once(
                    f"{name} {each.version}", f"model {name}, version {each.version}: its {MEASURED} is no number"
                )
    if rivals and ALIAS not in (best := min(rivals)[-1]).aliases:
        client.set_registered_model_alias(name, ALIAS, best.version)


def fetch(address: str, file: str) -> None:
    """Copy the model's npz file from the LoggedModel or the registered version to this file.

    Raises WrongInput where there is no such model or it is not charloom's, Damaged where the file is none of a model,
    Unavailable where MLflow does not answer.
    """
    base = database()
    if base is not None and not base.exists():
        raise WrongInput(f"--model: {address}: there is no MLflow store yet: {base} does not exist")

    with connected() as store:
        reason, store.about = "", in_line(address)
        set_tracking_uri(store.uri)
        try:
            uri = ModelsArtifactRepository.get_underlying_uri(address)  # type: ignore[no-untyped-call]  # MLflow's own
            if uri.startswith(MODELS):  # of a version, it is its LoggedModel
                uri = ModelsArtifactRepository.get_underlying_uri(uri)  # type: ignore[no-untyped-call]  # MLflow's own
            reason = f"it has no artifacts/{FILE}: charloom has not logged it"
            download(uri, f"artifacts/{FILE}", Path(file), store.uri)
        except MlflowException as error:
            if error.error_code in NOT_THERE or str(error).startswith(MALFORMED):
                raise WrongInput(f"--model: {address}: {reason or first_line(error)}") from None
            raise
    try:
        read_model(Path(file))  # within the limits of this process: it may be made to fill the memory
    except Damaged as error:
        raise Damaged(str(error).replace(file, address).partition(";")[0]) from None
