"""Create and complete the run of a training in MLflow. Delivery is idempotent.

Trainings with the same experiment key and the same hash of results share one run: each further training counts as a
reproduction. Other results of the same experiment are a second run with a tag that names the first run.

A run without results is *open*. The first sender of a key creates an open run, and shows its training's points in it.
The other senders show nothing. The first of these trainings to end completes the open run, whoever has created it; the
others are counted there. So no run has to be deleted, which a server may refuse, and a killed sender leaves no second
run.
"""

import json
import sys
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag, Run, ViewType
from mlflow.types.schema import ColSpec, Schema

from charloom.core.base.storage import read_json
from charloom.core.base.terminal import warn_once
from charloom.core.base.words import in_line
from charloom.core.settings.records import TextMetrics
from charloom.core.training.record import End
from charloom.tracking import tag
from charloom.tracking.entries import UNKNOWN, Entry
from charloom.tracking.experiment_lock import experiment_lock
from charloom.tracking.models import register, send_models
from charloom.tracking.spool import FILES, RATE, SHOWN_FILES, Started, Tracked
from charloom.tracking.store import TAG_LENGTH, Store, with_author

DIGEST_LENGTH = 36  # characters of a dataset's digest, at most
HEADING = "\n\n| trained |"  # begins the list of trainings in a description
COLUMNS = " from | on | with | sent by |\n|---|---|---|---|---|\n"


def show(store: Store, entry: Entry, *, ended: bool) -> None:
    """Send the training's points to its open run, and end the run if the training has ended.

    The run is created if the training's experiment key has no run. A run that has ended continues if the training has
    resumed. Nothing is sent if the training's run is complete or was deleted, or if it has none and its key has one.

    ended  whether the training has ended

    Raises Busy if a run has to be created, and another sender holds the lock of the experiment key.
    """
    start = entry.first
    store.use_text(start.text_sha256, start.params.prepare.text)
    runs = store.runs_of(start.experiment, ViewType.ALL)
    run = next((run for run in runs if run.data.tags.get(tag.RECORD) == start.record), None)
    others = any(other.info.lifecycle_stage == "active" for other in runs)
    if others if not run else run.info.lifecycle_stage != "active" or tag.RESULTS in run.data.tags:
        entry.sent = sys.maxsize  # so the store is asked again only when the training has ended
        return
    if not run:
        with experiment_lock(store, start.experiment):
            if store.runs_of(start.experiment):  # created in the meantime
                return
            run = _create(store, entry)
    elif run.info.status != "RUNNING":
        if ended:
            return
        store.client.update_run(run.info.run_id, "RUNNING")
    _send_points(store, entry, run)
    if ended and store.client.get_run(run.info.run_id).data.tags.get(tag.RECORD) == start.record:  # it is its own still
        store.end_run(run, *(entry.end.status, entry.end.ended) if entry.end else ("KILLED", None))


def complete(store: Store, entry: Entry, tracked: Tracked) -> Run:
    """Send what is missing of the entry's run, add the entry's trainings to the run's list, and return the run.

    The run is the oldest complete run with the same results. Without such a run, an open run is completed: the
    training's own, or else the oldest whose points agree with the training's. It gets the entry's files, the points,
    the models, the status FINISHED, and at last the tag RESULTS, which marks a complete run. If there is a complete run
    with other results, the tag DIFFERS links to it.

    The tag RECORD of an open run is set first: then the sender that has created the run sends no more points. Points
    are sent seconds later, so that its last ones have arrived.

    Raises Busy if another sender holds the lock of the experiment key.

    tracked  what `track` has recorded about the entry's files
    """
    start = entry.first
    store.use_text(start.text_sha256, start.params.prepare.text)
    with experiment_lock(store, start.experiment):
        runs = store.runs_of(start.experiment)
        complete_runs = [run for run in runs if tag.RESULTS in run.data.tags]
        run = next((run for run in complete_runs if run.data.tags[tag.RESULTS] == tracked.results), None)
        own = [other for other in runs if other.data.tags.get(tag.RECORD) == start.record]
        if run:
            if run in own:  # an earlier version sent the checkpoints after RESULTS
                send_models(store, run, entry, tracked.models)
            store.set_tags(run, _training_tags(store, run, entry))
            _end_others(store, own, run)
            return run
        run = _open_run(store, entry, [run for run in runs if run not in complete_runs]) or _create(store, entry)
        store.upload(entry.folder / FILES / SHOWN_FILES, run.info.artifact_uri)
        _send_points(store, entry, run)
        if not (run.inputs and run.inputs.dataset_inputs):
            store.client.log_inputs(run.info.run_id, [_dataset(entry)])
        register(store, run, send_models(store, run, entry, tracked.models), start, tracked.train)
        tags = _training_tags(store, run, entry, tracked.description) | tracked.tags | {tag.RESULTS: tracked.results}
        if complete_runs:
            tags[tag.DIFFERS] = complete_runs[0].info.run_id
        store.end_run(run, "FINISHED", entry.trainings[0][1].ended if entry.trainings else None)
        store.set_tags(run, tags)
        _end_others(store, own, run)
        return run


def _end_others(store: Store, own: list[Run], run: Run) -> None:
    """End the training's own open runs but `run`: a request that was sent again has created two, or points differ."""
    for other in own:
        is_open = other.info.status == "RUNNING" and tag.RESULTS not in other.data.tags
        if is_open and other.info.run_id != run.info.run_id:
            store.end_run(other, "KILLED", None)


def _open_run(store: Store, entry: Entry, runs: list[Run]) -> Run | None:
    """Return the run that the entry completes, or None: the training's own, or the oldest with equal points.

    A point that only the run or only the entry has is ignored, and so are rates. A run of another training becomes the
    entry's own by its tag RECORD, which is set.
    """
    for run in sorted(runs, key=lambda run: run.data.tags.get(tag.RECORD) != entry.first.record):  # stable
        if run.data.tags.get(tag.RECORD) == entry.first.record:
            entry.sent = UNKNOWN  # the number may be of another run
            return run
        points = store.history(run).items()
        if all(entry.points.get(at, point)[0] == point[0] for at, point in points if at[0] != RATE):
            store.set_tags(run, {tag.RECORD: entry.first.record})
            store.client.update_run(run.info.run_id, name=entry.first.name)
            entry.sent = UNKNOWN
            return run
    return None


def _dataset(entry: Entry) -> DatasetInput:
    """Return the text as MLflow's pages show it: name of its file, start of its SHA-256, and numbers of characters."""
    start, measures = entry.first, entry.folder / FILES / SHOWN_FILES / "metrics/prepare.json"
    path, profile = in_line(start.params.prepare.text), None
    if measures.exists():
        text = read_json(measures, TextMetrics)
        parts = {"training_characters": text.training_characters, "held_out_characters": text.held_out_characters}
        profile = json.dumps({"characters": text.characters, "distinct_characters": text.K, **parts})
    schema = json.dumps({"mlflow_colspec": Schema([ColSpec("string", "text")]).to_dict()})
    name, digest, source = Path(path).stem[:500], start.text_sha256[:DIGEST_LENGTH], json.dumps({"uri": path})
    dataset = Dataset(name, digest, "local", source, schema, profile)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _create(store: Store, entry: Entry) -> Run:
    start, entry.sent = entry.first, 0
    tags = {tag.KEY: start.experiment, tag.RECORD: start.record}
    return store.create_run(start.name, tags, f"tags.`{tag.RECORD}` = '{start.record}'", start.started)


def _send_points(store: Store, entry: Entry, run: Run) -> None:
    """Send the entry's params and points that its run lacks.

    These are the points after the first `entry.sent` ones. If this number is UNKNOWN, MLflow's points are read first.
    They may be from another training: the entry takes over their times, because MLflow doubles a point that is sent
    again with another time.
    """
    first, entry.sent = entry.sent, UNKNOWN  # the number is unknown after a failure
    known = store.history(run) if first == UNKNOWN else {}
    entry.points |= {at: point for at, point in known.items() if at in entry.points}
    points = (point for point in islice(entry.points.items(), max(first, 0), None) if point[0] not in known)
    store.send(run, points, None if run.data.params else entry.first.params)
    entry.sent = len(entry.points)


def _training_tags(store: Store, run: Run, entry: Entry, description: str | None = None) -> dict[str, str]:
    """Merge the entry's trainings into the run's list, and return the tags: list, count, description and senders.

    A training that the list already has is skipped. The training that created the run is not a reproduction. The list
    keeps the first training, and as many of the newest ones as fit into a tag.

    description  the description of a new run, which the list follows; None keeps the run's own
    """
    trainings, counted = _read_trainings(run)
    rows = [_training_row(*training) for training in entry.trainings]
    new = [row | {"by": store.user} for row in rows if not any(row.items() <= known.items() for known in trainings)]
    counted += max(len(new) - (description is not None and not trainings), 0)
    trainings += new
    while len(trainings) > 1 and len(json.dumps(trainings)) > TAG_LENGTH:
        del trainings[1]
    head = run.data.tags.get(tag.NOTE, "").partition(HEADING)[0] if description is None else description
    tags = {tag.TRAININGS: json.dumps(trainings), tag.REPRODUCTIONS: str(counted), tag.NOTE: head + _table(trainings)}
    return tags | ({tag.USER: with_author(run, store.user)} if new else {})


def _read_trainings(run: Run) -> tuple[list[dict[str, Any]], int]:
    """Return the run's list of trainings and the number of reproductions; [] and 0, with a warning, if malformed."""
    try:
        rows = json.loads(run.data.tags.get(tag.TRAININGS, "[]"))
        trainings = [row for row in rows if row.pop("same", True)]  # version 0.1 also lists other results
        _table(trainings)  # reads all columns
        return trainings, int(run.data.tags.get(tag.REPRODUCTIONS, "0"))
    except (ValueError, TypeError, KeyError, AttributeError):
        reason = f"tag {tag.TRAININGS} or {tag.REPRODUCTIONS} is malformed; both start again"
        warn_once(run.info.run_id, f"MLflow run {in_line(run.info.run_name)}: {reason}")
        return [], 0


def _table(trainings: list[dict[str, Any]]) -> str:
    """Return the list of trainings as a table in Markdown, or "" if the list is empty."""
    lines = (
        f"| {row['when'][:19]} UTC | {row['commit'][:7] or 'no commit'} | {row['processor']}, {row['system']} | "
        f"Python {row['python']}, NumPy {row['numpy']}, Numba {row['numba']} | {row.get('by') or '–'} |\n"
        for row in trainings
    )
    return f"{HEADING}{COLUMNS}{''.join(lines)}" if trainings else ""


def _training_row(start: Started, end: End) -> dict[str, Any]:
    """Return the row of the run's list for a training that has ended: when, from which commit, and on which machine."""
    when = datetime.fromtimestamp(end.ended, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return {"when": when, "experiment": start.dvc_experiment, **start.machine, "commit": start.commit}
