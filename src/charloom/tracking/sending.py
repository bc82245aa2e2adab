"""Log a run or a study in MLflow from its entry in the outbox. This is idempotent: see `send`."""

import json
import time
from pathlib import Path

import requests
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run
from mlflow.types.schema import ColSpec, Schema
from sqlalchemy.exc import OperationalError

from charloom.core.base.errors import CharloomError, Unavailable
from charloom.core.base.storage import exclusive
from charloom.core.base.words import in_line
from charloom.tracking import outbox, tag
from charloom.tracking.limits import SILENCE_LIMIT, note_progress
from charloom.tracking.models import register, send_models
from charloom.tracking.outbox import FILES, Manifest, Point
from charloom.tracking.reasons import causes
from charloom.tracking.store import Store, connected, run_page

BATCH = 1000  # points per request
RETRY_PAUSE = 2  # seconds after a failure: a database may have restarted
UNREACHABLE = (requests.ConnectionError, requests.Timeout, OperationalError)


def send_all(own: Path | None) -> None:
    """Send the entries of the outbox, `own` first, and print a line for each run and study that was logged.

    A refused or damaged entry stops no other, a store that cannot be reached does. Raises Unavailable with the reasons
    if an entry was not sent.
    """
    reasons = dict[str, None]()
    with exclusive(outbox.place().with_suffix(".lock"), "sending to MLflow", SILENCE_LIMIT - 1):
        for folder in outbox.waiting(own):
            try:
                print(_send(folder), flush=True)
                outbox.remove(folder)
            except (CharloomError, OSError) as error:
                reasons[str(error)] = None
                if any(isinstance(cause, UNREACHABLE) for cause in causes(error)):
                    break
    if reasons:
        raise Unavailable("; ".join(reasons))


def _send(folder: Path) -> str:
    """Log the entry; return a line with the run's name and address. A failed attempt is repeated once.

    MLflow repeats no request: a busy server may execute a request that has timed out, and would create two runs. The
    second attempt looks for what the first one has created.
    """
    manifest = outbox.read_entry(folder)
    kind = "study" if tag.QUESTION in manifest.tags else "run"
    what = f"MLflow {kind} {in_line(manifest.name)}"
    note_progress(what)

    def attempt() -> str:
        with connected() as store:
            run = (_send_study if kind == "study" else _send_run)(store, folder, manifest)
            return f"{what}: {store.where_shown(run)}"

    try:
        return attempt()
    except Unavailable:
        time.sleep(RETRY_PAUSE)
        return attempt()


def _send_run(store: Store, folder: Path, manifest: Manifest) -> Run:
    """Log the run, unless the store has it or an equal run; return the run in the store.

    A run belongs to the entry if its tag RECORD is the entry's id, and is complete if it has the tag RESULTS, which is
    written last. An incomplete run is continued. Two complete runs are equal if their tags KEY and RESULTS are equal:
    another training adds a tag to the equal run, and no second run. Two processes that send equal runs at the same
    moment log two runs.
    """
    experiment = store.experiment(manifest.experiment, manifest.source)
    key, results = manifest.tags[tag.KEY], manifest.tags[tag.RESULTS]
    runs = store.search(experiment, f"tags.`{tag.KEY}` = '{key}'")
    complete = [run for run in runs if tag.RESULTS in run.data.tags]
    own = next((run for run in [*complete, *runs] if run.data.tags.get(tag.RECORD) == manifest.id), None)
    equal = next((run for run in complete if run.data.tags[tag.RESULTS] == results), None)
    if own in complete:
        return own
    if equal and not own:
        if manifest.trained:
            about = " · ".join(filter(None, (manifest.tags.get(name, "") for name in tag.WHERE)))
            store.set_tags(equal, {f"{tag.REPRODUCED}{manifest.id}": f"by {store.user} on {about}"})
        return equal
    run = own or store.create_run(experiment, manifest.name, {tag.KEY: key, tag.RECORD: manifest.id}, manifest.started)
    names = own.data.metrics if own else ()  # MLflow before 3 refuses a point that it has
    histories = (store.client.get_metric_history(run.info.run_id, name) for name in names)
    known = {(point.key, point.step) for history in histories for point in history}
    _send_points(store, run, manifest, [point for point in manifest.points if point[:2] not in known])
    store.upload(folder / FILES / outbox.ARTIFACTS, run.info.artifact_uri)
    if manifest.dataset and not (run.inputs and run.inputs.dataset_inputs):
        store.client.log_inputs(run.info.run_id, [_dataset(manifest.dataset)])
    addresses = send_models(store, run, folder, manifest)
    register(store, experiment, run, addresses, manifest)
    differs = {tag.DIFFERS: complete[0].info.run_id} if complete and not equal else {}
    _complete(store, run, manifest, manifest.tags | {tag.NOTE: manifest.description} | differs)
    return run


def _send_study(store: Store, folder: Path, manifest: Manifest) -> Run:
    """Create or update the run of the study with this question and text, and return the run."""
    experiment = store.experiment(manifest.experiment, manifest.source)
    tags = {tag.RECORD: manifest.id}
    run = next(iter(store.search(experiment, f"tags.`{tag.RECORD}` = '{manifest.id}'")), None)
    run = run or store.create_run(experiment, manifest.name, tags, manifest.started)
    store.upload(folder / FILES / outbox.ARTIFACTS, run.info.artifact_uri)
    picture = f"![The comparison](get-artifact?path={outbox.PICTURE}&run_uuid={run.info.run_id})"
    page = f"[The study’s page]({run_page(run, '/artifacts/' + outbox.PAGE)})"
    verdict, _, rest = manifest.description.partition("\n\n")
    note = "\n\n".join([verdict, page, picture, rest])
    _complete(store, run, manifest, manifest.tags | {tag.NOTE: note, tag.USER: store.user})
    return run


def _send_points(store: Store, run: Run, manifest: Manifest, points: list[Point]) -> None:
    """Send the params and the points. MLflow's page of compared runs opens with the metric that a run got first."""
    points = sorted(points, key=lambda point: not point[0].startswith("held_out"))
    metrics = [Metric(name, value, round(1000 * when), update) for name, update, value, when in points]
    params = [Param(*item) for item in manifest.params.items()]
    for start in range(0, len(metrics) or 1, BATCH):
        store.client.log_batch(run.info.run_id, metrics[start : start + BATCH], () if start else params)
        note_progress()


def _complete(store: Store, run: Run, manifest: Manifest, tags: dict[str, str]) -> None:
    """End the run, and set the tags: a run with the tag RESULTS is complete."""
    store.client.set_terminated(run.info.run_id, "FINISHED", round(1000 * manifest.ended))
    store.set_tags(run, {name: value for name, value in tags.items() if name != tag.RESULTS})
    if tag.RESULTS in tags:
        store.client.set_tag(run.info.run_id, tag.RESULTS, tags[tag.RESULTS])


def _dataset(about: dict[str, str]) -> DatasetInput:
    schema = json.dumps({"mlflow_colspec": Schema([ColSpec("string", "text")]).to_dict()})
    dataset = Dataset(about["name"], about["digest"], "local", about["source"], schema, about["profile"])
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])
