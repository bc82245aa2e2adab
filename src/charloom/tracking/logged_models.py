"""A run's models in MLflow: the best, the last, and all checkpoints, each a LoggedModel with its step and metrics.

A server without LoggedModels (MLflow before 3, and some that speak its protocol) gets them as artifacts of the run.
All of it can be repeated: what a killed process has begun, the next one completes.
"""

from collections.abc import Collection

from mlflow.entities import LoggedModel, LoggedModelOutput, Metric, Run
from mlflow.exceptions import MlflowException
from mlflow.utils import get_results_from_paginated_fn as all_pages

from charloom.base.terminal import warn_once
from charloom.results.records import MEASURE, MEASURE_OF_PART
from charloom.results.spool import FILES, Tracked
from charloom.tracking.artifacts import upload
from charloom.tracking.entries import Entry
from charloom.tracking.model_folder import model_folder
from charloom.tracking.store import PAGE, Store, dataset_key, shown

MODELS = "models:/"  # before a LoggedModel's id
METRICS = ("smooth_loss", MEASURE, MEASURE_OF_PART)  # of a model, as far as its update has them
NO_MODELS = "the server has no LoggedModels, which MLflow 3 has: models are sent as artifacts of their run"


def send_models(store: Store, run: Run, entry: Entry, tracked: Tracked, names: Collection[str]) -> dict[str, str]:
    """Send the models of these names as far as they are missing; return the address of each."""
    logged = _logged_models(store, run)
    if logged is None:
        return _as_artifacts(store, run, entry, tracked, names)
    ready = {name: model for name, model in logged.items() if model.status == "READY"}
    if missing := [name for name in names if name not in ready]:
        begun = {name: logged[name] for name in missing if name in logged}
        ready |= _as_logged_models(store, run, entry, tracked, missing, begun)
    return {name: MODELS + ready[name].model_id for name in names}


def _logged_models(store: Store, run: Run) -> dict[str, LoggedModel] | None:
    """Return the run's LoggedModels by name; None if the server knows no LoggedModels."""
    search, which = store.client.search_logged_models, f"source_run_id = '{run.info.run_id}'"
    try:
        found = all_pages(
            lambda most, token: search([run.info.experiment_id], which, max_results=most, page_token=token), PAGE
        )  # type: ignore[no-untyped-call]  # MLflow's own
    except MlflowException as error:
        if error.get_http_status_code() != 404:  # type: ignore[no-untyped-call]  # MLflow's own
            raise
        warn_once(store.uri, NO_MODELS)
        return None
    return {model.name: model for model in found}


def _as_logged_models(
    store: Store, run: Run, entry: Entry, tracked: Tracked, names: list[str], begun: dict[str, LoggedModel]
) -> dict[str, LoggedModel]:
    """Send the models as LoggedModels, linked to their run; return them. A killed process has left those in `begun`."""
    client, run_id, start = store.client, run.info.run_id, entry.first
    models, points = dict[str, LoggedModel](), list[Metric]()
    with model_folder(entry.folder / FILES, tracked, run_id) as filled:
        for name in names:
            model = begun.get(name) or client.create_logged_model(
                run.info.experiment_id, name, run_id, params=shown(start.params)
            )
            upload(filled(name, model.model_id), model.artifact_location, store.uri)
            update = tracked.models[name].update
            for key in METRICS:
                if value := entry.points.get((key, update)):  # at the run's own time: no second point appears
                    when = round(1000 * value[1])
                    points.append(Metric(key, value[0], when, update, model.model_id, *dataset_key(start), run_id))
            models[name] = model
    client.log_batch(run_id, metrics=points)
    outputs = client.get_run(run_id).outputs if begun else None  # a model that is new is not linked
    linked = {output.model_id for output in outputs.model_outputs} if outputs else set()
    links = [LoggedModelOutput(model.model_id, tracked.models[name].update) for name, model in models.items()]
    if links := [link for link in links if link.model_id not in linked]:
        client.log_outputs(run_id, links)
    for model in models.values():
        client.finalize_logged_model(model.model_id, "READY")
    return models


def _as_artifacts(store: Store, run: Run, entry: Entry, tracked: Tracked, names: Collection[str]) -> dict[str, str]:
    """Send the models' folders as artifacts of the run; return their addresses."""
    addresses = {name: f"{run.info.artifact_uri}/models/{name}" for name in names}
    with model_folder(entry.folder / FILES, tracked, run.info.run_id) as filled:
        for name, address in addresses.items():
            upload(filled(name, None), address, store.uri)
    return addresses
