"""Create and complete the run of a training in MLflow. Delivery is idempotent.

Trainings with the same experiment key and the same hash of results share one run: each further training counts as a
reproduction. Other results of the same experiment are a second run with a tag that names the first run.

While a training runs, a live run shows its points. If at its end the experiment has a complete run with the same
results, for example from another machine, the training is counted there, and the live run is deleted.
"""

import json
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from mlflow.entities import Run, ViewType
from mlflow.exceptions import MlflowException

from charloom.core.base.terminal import warn_once
from charloom.tracking import tag
from charloom.tracking.entries import Entry
from charloom.tracking.experiment_lock import experiment_lock
from charloom.tracking.models import register, send_models
from charloom.tracking.spool import BEST, FILES, LAST, SHOWN_FILES, End, Start, Tracked
from charloom.tracking.store import TAG_LENGTH, Store, with_author
from groundwork.words import in_line

HEADING = "\n\n| trained |"  # begins the list of trainings in a description
COLUMNS = " from | on | with | sent by |\n|---|---|---|---|---|\n"


def show(store: Store, entry: Entry, *, ended: bool) -> None:
    """Send the training's points to its live run, and end the run if the training has ended.

    A missing live run is created. A live run that has ended continues if the training has resumed. Nothing is sent if
    the training's experiment key has a complete run, or if somebody has deleted the live run.

    ended  whether the training has ended
    """
    store.use_text(entry.first.text_sha256, entry.first.params.prepare.text)
    runs = store.runs_of(entry.first.experiment, ViewType.ALL)
    run = next(iter(_own_runs(runs, entry)), None)
    active = [run for run in runs if run.info.lifecycle_stage == "active"]
    if any(tag.RESULTS in run.data.tags for run in active) or (run and run not in active):
        return
    if run and run.info.status != "RUNNING":
        if ended:
            return
        store.client.update_run(run.info.run_id, "RUNNING")
    run = _with_points(store, entry, run)
    if ended:
        store.end_run(run, *(entry.end.status, entry.end.ended) if entry.end else ("KILLED", None))


def complete(store: Store, entry: Entry, tracked: Tracked) -> Run:
    """Send what is missing of the entry's run, add the entry's trainings to the run's list, and return the run.

    The run is the oldest complete run with the same results. Without such a run, the training's own run is completed:
    it gets the points, the entry's files, the best and the last model, the status FINISHED, the tag RESULTS, which
    marks a complete run, and, if there is a complete run with other results, the tag DIFFERS, a link to it. The
    checkpoints come last. An attempt may fail before they are sent, so the next attempt sends the missing ones.

    All other live runs of this training are deleted: two senders may have created one each at the same moment. If the
    store refuses to delete them, they get the status KILLED.

    Raises Busy if another sender holds the lock of the experiment key.

    tracked  what `track` has recorded about the entry's files
    """
    start = entry.first
    store.use_text(start.text_sha256, start.params.prepare.text)
    with experiment_lock(store, start.experiment):
        runs = store.runs_of(start.experiment)
        complete_runs = [run for run in runs if tag.RESULTS in run.data.tags]
        run = next((run for run in complete_runs if run.data.tags[tag.RESULTS] == tracked.results), None)
        own_runs = _own_runs(runs, entry)
        own_run = run if run in own_runs else next(iter(own_runs), None)
        for live in {*own_runs} - {run or own_run, *complete_runs}:
            try:  # it has only points
                store.client.delete_run(live.info.run_id)
            except MlflowException:  # the server refuses it
                store.end_run(live, "KILLED", None)
        if run:
            tags = _training_tags(store, run, entry)
        else:
            run = own_run = _with_points(store, entry, own_run)
            store.upload(entry.folder / FILES / SHOWN_FILES, run.info.artifact_uri)
            models = {name: tracked.models[name] for name in (BEST, LAST)}
            register(store, run, send_models(store, run, entry, models), start, tracked.train)
            tags = _training_tags(store, run, entry, tracked.description)
            tags |= tracked.tags | {tag.RESULTS: tracked.results}
            if complete_runs:
                tags[tag.DIFFERS] = complete_runs[0].info.run_id
            if run.info.status != "FINISHED":  # a finished run keeps its end time
                store.end_run(run, "FINISHED", entry.trainings[0][1].ended if entry.trainings else None)
        store.set_tags(run, tags)  # the tag RESULTS marks a complete run; only checkpoints follow
        if run is own_run:
            send_models(store, run, entry, {n: x for n, x in tracked.models.items() if n not in {BEST, LAST}})
        return run


def _own_runs(runs: list[Run], entry: Entry) -> list[Run]:
    return [run for run in runs if run.data.tags.get(tag.RECORD) == entry.first.record]


def _with_points(store: Store, entry: Entry, run: Run | None) -> Run:
    """Send the entry's params and points that its run lacks, and return the run. A missing run is created.

    The points are those after the first `entry.sent` ones. To send a point again does no harm.
    """
    start = entry.first
    if not run:
        entry.sent = 0
        run = store.create_run(start.name, {tag.KEY: start.experiment, tag.RECORD: start.record}, start.started)
    store.send(run, islice(entry.points.items(), entry.sent, None), None if run.data.params else start.params)
    return run


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


def _training_row(start: Start, end: End) -> dict[str, Any]:
    """Return the row of the run's list for a training that has ended: when, from which commit, and on which machine."""
    when = datetime.fromtimestamp(end.ended, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return {"when": when, "experiment": start.dvc_experiment, **start.machine, "commit": start.commit}
