"""MLflow's model registry. A text's registered model has a version for the better model of each run.

The alias `@best` names the best of the versions that are comparable with the newest.
"""

import math
import re
from pathlib import Path

from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from charloom.base.terminal import in_line, warn_once
from charloom.network.order import READING
from charloom.results.records import MEASURE, TrainMetrics
from charloom.results.spool import BEST, LAST, Start
from charloom.tracking import tag
from charloom.tracking.reasons import DENIED, first_line
from charloom.tracking.store import Store, all_results

ABOUT = (
    "The better model of each run on `{}`, by held-out text: the model with the lowest smooth loss, or the last model. "
    "`@best` is the best of all versions that were measured in the same way as the newest version."
)
ALIAS = "best"
MODELS = "models:/"  # the prefix of a LoggedModel's id in an address


def better_model(start: Start, train: TrainMetrics) -> tuple[str, float, str, str]:
    """Return the better of a run's two models, BEST or LAST, with its measure, the measure's name, and a key.

    The measure (smaller is better) is the held-out bits per character. If no text is held out, the model is BEST, and
    the measure its smooth loss. Two versions in the registry are comparable if their keys are equal.
    """
    params, last_bits = start.params, train.held_out_bits_per_character
    model, bits = BEST, train.best_held_out_bits_per_character
    if bits is not None and last_bits is not None and last_bits < bits:
        model, bits = LAST, last_bits
    name, measure = (MEASURE, bits) if bits is not None else ("best_smooth_loss", train.best_smooth_loss)
    order = "" if params.train.order == READING else " ".join(["", *map(str, params.recipe.order)])
    order += f" batch={params.batch}" if params.batch > 1 else ""
    length = "" if bits is not None else f" seq_length={params.seq_length}{order}"  # smooth loss is per sequence
    held_out = f"held_out={params.prepare.held_out} {train.held_out_characters_read}"
    return model, measure, name, f"{name}{length} {held_out} {start.text_sha256}"


def register(store: Store, run: Run, addresses: dict[str, str], start: Start, train: TrainMetrics) -> None:
    """Register the run's better model as a version of its text's registered model, unless the run has a version.

    `@best` becomes the comparable version with the smallest measure; of equal ones, the first. A version whose measure
    somebody has malformed comes last, with a warning. If the user may not write to the registered model, print a
    warning.

    addresses  the addresses of the run's models by name, at least of BEST and LAST
    """
    client, source = store.client, in_line(start.params.prepare.text)
    name = re.sub(r"[^\w.-]+", "-", f"charloom-{Path(source).stem}")  # charloom-moby_dick
    model, measure, metric, comparable = better_model(start, train)
    update = train.updates if model == LAST else train.best_update
    try:
        versions = all_results(client.search_model_versions, f"name = '{name}'")
        if not versions:
            _create(store, name, source)
        if not any(version.run_id == run.info.run_id for version in versions):
            tags = {tag.MEASURED: repr(measure), tag.COMPARABLE: comparable}
            about = f"{measure:.4f} {metric} after {update:,} updates; sent by {store.user}"
            address, run_id = addresses[model], run.info.run_id
            model_id = address.removeprefix(MODELS) if address.startswith(MODELS) else None
            versions.append(
                client.create_model_version(
                    name, address, run_id, tags, description=about, await_creation_for=0, model_id=model_id
                )
            )
        best = min((version for version in versions if version.tags.get(tag.COMPARABLE) == comparable), key=_rank)
        if ALIAS not in best.aliases:
            client.set_registered_model_alias(name, ALIAS, best.version)
    except MlflowException as error:  # another user owns the registered model; the run is kept
        if error.error_code != DENIED:
            raise
        warn_once(name, f"the best model is not registered: {first_line(error, f'model {name}')}")


def _create(store: Store, name: str, source: str) -> None:
    """Create the registered model, unless it exists without a version, or is hidden from this user."""
    try:
        store.client.create_registered_model(name, description=ABOUT.format(source))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _rank(version: ModelVersion) -> tuple[float, int]:
    """Return the version's measure and number."""
    try:
        measure = float(version.tags.get(tag.MEASURED, ""))
    except ValueError:
        label = f"model {version.name}, version {version.version}"
        warn_once(label, f"{label}: {tag.MEASURED} is not a number, so the version cannot be the best")
        measure = math.inf
    return measure, int(version.version)
