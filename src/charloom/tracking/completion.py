"""Create and complete a run in MLflow from a training's record. Delivery is idempotent.

Trainings with the same experiment key and the same hash of results share one run: each further training counts as a
reproduction. Other results of the same experiment are a second run with a tag that names the first run.

While a training runs, a live run shows its points. If at its end the experiment has a complete run with the same
results, for example from another machine, the training is counted there, and the live run is deleted.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from charloom.base.terminal import in_line, warn_once
from charloom.results.spool import BEST, FILES, LAST, SHOWN_FILES, End, Start
from charloom.tracking import tag
from charloom.tracking.entries import Entry
from charloom.tracking.experiment_lock import experiment_lock
from charloom.tracking.models import send_models
from charloom.tracking.registry import register
from charloom.tracking.store import TAG_LENGTH, Point, Store, with_author

HEADING = "\n\n| trained |"  # begins the list of trainings in a description
COLUMNS = " from | on | with | these results | sent by |\n|---|---|---|---|---|---|\n"
POINTS_ONLY = "Only the points of this training are available."


def live_run(store: Store, entry: Entry) -> Run | None:
    """Return the live run of the entry's training, and create the run if it is missing.

    A run that has ended gets the status RUNNING again if the training has resumed. The result is None if the training's
    experiment key has a complete run. It is also None if this training has no run yet, and another one has a live run.
    """
    store.use_text(entry.first.text_sha256, entry.first.params.prepare.text)
    runs = store.runs_of(entry.first.experiment)
    own_run = _own_run(runs, entry)
    other_is_live = not own_run and any(run.info.status == "RUNNING" for run in runs)
    if other_is_live or any(tag.RESULTS in run.data.tags for run in runs):
        return None
    if own_run and not entry.has_ended:  # the training was stopped and has resumed
        store.client.update_run(own_run.info.run_id, "RUNNING")
    return own_run or _new_run(store, entry)


def complete(store: Store, entry: Entry, sent: int = 0) -> Run | None:
    """Send what is missing of the entry's run, count the entry's trainings in the run, and return the run.

    If there is a complete run with the same results, this is the run, and the training's live run is deleted. Otherwise
    the run is the training's own, which gets the points, the entry's files and models, and the status FINISHED.

    The result is None if the entry has no files and its experiment key has no complete run: nothing is sent then.
    Raises Busy if another sender holds the lock of the experiment key.

    sent  the number of the entry's points that its own run already has; sending a point again does no harm
    """
    start, tracked = entry.first, entry.tracked
    store.use_text(start.text_sha256, start.params.prepare.text)
    with experiment_lock(store, start.experiment):
        runs = store.runs_of(start.experiment)
        others = {run.data.tags[tag.RESULTS]: run for run in runs if tag.RESULTS in run.data.tags}
        if not (tracked or others):
            return None
        run, own_run = others.pop(entry.results or "", None), _own_run(runs, entry)
        if run:
            if own_run and own_run is not run:
                _delete(store, own_run)
            tags = _training_tags(store, run, entry, None, same=True)
        else:
            sent = sent if own_run else 0
            run = own_run = own_run or _new_run(store, entry)
            store.send(run, points(entry, sent), None if run.data.params else start.params)
            tags = _training_tags(store, run, entry, tracked.description if tracked else POINTS_ONLY, same=True)
            if tracked:
                store.upload(entry.folder / FILES / SHOWN_FILES, run.info.artifact_uri)
                store.log_dataset(run, start, tracked)
                register(store, run, send_models(store, run, entry, tracked, [BEST, LAST]), start, tracked.train)
                tags |= tracked.tags | {tag.RESULTS: tracked.results}
            if others:
                tags[tag.DIFFERS] = next(iter(others.values())).info.run_id
            if run.info.status != "FINISHED":  # a finished run keeps its end time
                store.end_run(run, "FINISHED", entry.trainings[0][1].ended if entry.trainings else None)
        for other in others.values() if entry.trainings else ():
            store.set_tags(other, _training_tags(store, other, entry, None, same=False))
        store.set_tags(run, tags)  # the tag RESULTS marks a complete run; only checkpoints follow
        if tracked and run is own_run:
            send_models(store, run, entry, tracked, sorted(tracked.models.keys() - {BEST, LAST}))
        return run


def points(entry: Entry, sent: int = 0) -> Iterator[Point]:
    """Yield the points of the entry's record, without the first `sent` points."""
    for (name, update), (value, when) in islice(entry.points.items(), sent, None):
        yield name, update, value, when


def _own_run(runs: list[Run], entry: Entry) -> Run | None:
    return next((run for run in runs if run.data.tags.get(tag.RECORD) == entry.first.record), None)


def _new_run(store: Store, entry: Entry) -> Run:
    start = entry.first
    return store.create_run(start.name, {tag.KEY: start.experiment, tag.RECORD: start.record}, start.started)


def _delete(store: Store, run: Run) -> None:
    """Delete a run that has only points. If the store refuses, set the run's status to KILLED."""
    try:
        store.client.delete_run(run.info.run_id)
    except MlflowException:
        store.end_run(run, "KILLED", None)


def _training_tags(store: Store, run: Run, entry: Entry, description: str | None, *, same: bool) -> dict[str, str]:
    """Merge the entry's trainings into the run's list, and return the tags: list, count, description and senders.

    A training that the list already has is skipped. The training that created the run is not a reproduction. The list
    keeps the first training, and as many of the newest ones as fit into a tag.

    description  the new description, which the list follows; None keeps the run's own
    same         whether the trainings have the run's results
    """
    tags = run.data.tags
    trainings, counted = _read_trainings(run)
    created = int(tag.RESULTS not in tags and not trainings and same)
    existing = [{name: x for name, x in row.items() if name != "by"} for row in trainings]
    rows = [_training_row(*training) | {"same": same} for training in entry.trainings]
    new = [row | {"by": store.user} for row in rows if row not in existing]
    counted += max(len(new) * same - created, 0)
    trainings += new
    while len(trainings) > 1 and len(json.dumps(trainings)) > TAG_LENGTH:
        del trainings[1]
    head = tags.get(tag.NOTE, "").partition(HEADING)[0] if description is None else description
    by = {tag.USER: with_author(run, store.user)} if same and new else {}
    note = head + _table(trainings)
    return {tag.TRAININGS: json.dumps(trainings), tag.REPRODUCTIONS: str(counted), tag.NOTE: note} | by


def _read_trainings(run: Run) -> tuple[list[dict[str, Any]], int]:
    """Return the run's list of trainings and the number of reproductions; [] and 0, with a warning, if malformed."""
    try:
        trainings = json.loads(run.data.tags.get(tag.TRAININGS, "[]"))
        _table(trainings)  # reads all columns
        return trainings, int(run.data.tags.get(tag.REPRODUCTIONS, "0"))
    except (ValueError, TypeError, KeyError):
        name = f"MLflow run {in_line(run.info.run_name)}"
        reason = f"tag {tag.TRAININGS} or {tag.REPRODUCTIONS} is malformed; both start again"
        warn_once(run.info.run_id, f"{name}: {reason}")
        return [], 0


def _table(trainings: list[dict[str, Any]]) -> str:
    """Return the list of trainings as a table in Markdown, or "" if the list is empty."""
    lines = (
        f"| {row['when'][:19]} UTC | {row['commit'][:7] or 'no commit'} | {row['processor']}, {row['system']} | "
        f"Python {row['python']}, NumPy {row['numpy']}, Numba {row['numba']} | {'yes' if row['same'] else 'no'} | "
        f"{row.get('by') or '–'} |\n"
        for row in trainings
    )
    return f"{HEADING}{COLUMNS}{''.join(lines)}" if trainings else ""


def _training_row(start: Start, end: End) -> dict[str, Any]:
    """Return the row of the run's list for a training that has ended: when, from which commit, and on which machine."""
    when = datetime.fromtimestamp(end.ended, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return {"when": when, "experiment": start.dvc_experiment, **start.machine, "commit": start.commit}
