"""MLflow's registry: of each run the better of two models is a version; the best of all that compare is `@best`."""

import json
import re
from pathlib import Path

from mlflow import set_tracking_uri
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.utils import get_results_from_paginated_fn as all_pages
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

from charloom.base.terminal import in_line, warn_once
from charloom.network.order import READING
from charloom.results.records import MEASURE, TrainMetrics
from charloom.results.spool import BEST, LAST, Start
from charloom.tracking.logged_models import MODELS
from charloom.tracking.reasons import DENIED, first_line
from charloom.tracking.store import PAGE, Store

ABOUT = (
    "Of each run on `{}` the better of two models, on held-out text: that of the lowest smooth loss, and the last. "
    "`@best` is the best of all that were measured as the newest was."
)
ALIAS = "best"
MEASURED, COMPARABLE = "charloom.measure", "charloom.comparable"  # tags of a version
SENT_BY = "charloom.sent_by"  # tag of a version


def model_name(source: str) -> str:
    """Return under which name the best models of a text, given by its file, are registered."""
    return re.sub(r"[^\w.-]+", "-", f"charloom-{Path(in_line(source)).stem}")


def measured(start: Start, train: TrainMetrics) -> tuple[str, float, str, str]:
    """Return which model is better, its measure, the smaller the better; its name; what two have equal that compare."""
    params, of_last = start.params, train.held_out_bits_per_character
    which, bits = BEST, train.best_held_out_bits_per_character
    if bits is not None and of_last is not None and of_last < bits:
        which, bits = LAST, of_last
    what, measure = (MEASURE, bits) if bits is not None else ("best_smooth_loss", train.best_smooth_loss)
    order = "" if params.train.order == READING else " ".join(["", *map(str, params.recipe.order)])
    order += f" batch={params.batch}" if params.batch > 1 else ""
    length = "" if bits is not None else f" seq_length={params.seq_length}{order}"  # a smooth loss is of a sequence
    read = f"held_out={params.prepare.held_out} {train.held_out_characters_read}"
    return which, measure, what, f"{what}{length} {read} {start.text_sha256}"


def register(store: Store, run: Run, addresses: dict[str, str], start: Start, train: TrainMetrics) -> None:
    """Make the better of the run's models a version of its text's registered model, and name `@best`.

    addresses  of the models, by name
    """
    name = model_name(start.params.prepare.text)
    try:
        _register(store, name, run, addresses, start, train)
    except MlflowException as error:  # somebody else's model has the name: that is no reason to lose the run
        if error.error_code != DENIED:
            raise
        warn_once(name, f"the best model is not registered: {first_line(error, f'model {name}')}")


def _register(store: Store, name: str, run: Run, addresses: dict[str, str], start: Start, train: TrainMetrics) -> None:
    """Do it. Of equals `@best` is the first version. One with a measure that is none of ours is left out, and named."""
    client, source = store.client, in_line(start.params.prepare.text)
    which, measure, what, comparable = measured(start, train)
    address, update = addresses[which], train.updates if which == LAST else train.best_update
    model_id = address.removeprefix(MODELS) if address.startswith(MODELS) else None
    versions = all_pages(lambda most, token: client.search_model_versions(f"name = '{name}'", most, None, token), PAGE)  # type: ignore[no-untyped-call]  # MLflow's own
    if not versions:
        try:
            client.create_registered_model(name, description=ABOUT.format(source))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
    if not any(version.run_id == run.info.run_id for version in versions):
        set_tracking_uri(store.uri)  # MLflow would look for the LoggedModel in a store of its own choice
        made = client.create_model_version(
            name, address, run.info.run_id,
            {MEASURED: repr(measure), COMPARABLE: comparable, SENT_BY: store.user},
            description=f"{measure:.4f} {what} after {update:,} updates; sent by {store.user}", await_creation_for=0,
            model_id=model_id,  # a server with LoggedModels takes no version without it
        )  # fmt: skip
        versions.append(made)
    if model_id and not store.remote:  # a server does it: on the LoggedModel's page
        mine = next(version for version in versions if version.run_id == run.info.run_id)
        shown = json.dumps([{"name": name, "version": mine.version}])
        client.set_logged_model_tags(mine.model_id or model_id, {MLFLOW_MODEL_VERSIONS: shown})
    rivals = list[tuple[float, int, ModelVersion]]()
    for version in versions:
        if version.tags.get(COMPARABLE) == comparable:
            try:
                rivals.append((float(version.tags[MEASURED]), int(version.version), version))
            except (KeyError, ValueError):
                label = f"{name} {version.version}"
                warn_once(label, f"model {name}, version {version.version}: its {MEASURED} is no number")
    if rivals and ALIAS not in (best := min(rivals)[-1]).aliases:
        client.set_registered_model_alias(name, ALIAS, best.version)
