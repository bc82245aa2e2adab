"""Create and complete the run of a training or of a study in MLflow. Delivery is idempotent.

Trainings with the same experiment key and the same hash of results share one run: each further training counts as a
reproduction. Other results of the same experiment are a second run with a tag that names the first run.

While a training runs, a live run shows its points. If at its end the experiment has a complete run with the same
results, for example from another machine, the training is counted there, and the live run is deleted.

A study has one run, with its answer, tables and page. Sending a study again updates the run.

The *lock* of an experiment or a study works across machines with tags of the MLflow experiment, because MLflow has no
compare-and-set. A sender sets a tag of its own, reads all tags, and holds the lock if no other sender has a tag. If two
senders do so at once, both may give up, and try the entry again later, but at most one holds the lock. A tag names its
process and an expiry time: if the process on this machine has ended or the time is over, the tag does not count. One
fault remains possible: two senders hold the lock if a machine was suspended until its tag expired, or if a clock is
wrong by more than CLOCK_TOLERANCE.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from mlflow.entities import Run, ViewType
from mlflow.exceptions import MlflowException

from charloom.core.base.errors import Unavailable
from charloom.core.base.terminal import warn_once
from charloom.core.runtime.provenance import process, process_ended
from charloom.tracking import tag
from charloom.tracking.entries import PAGE, PICTURE, Entry, StudyContents
from charloom.tracking.limits import LIMIT
from charloom.tracking.models import register, send_models
from charloom.tracking.spool import BEST, FILES, LAST, SHOWN_FILES, End, Start, Tracked
from charloom.tracking.store import TAG_LENGTH, Store, run_page, with_author
from groundwork.words import in_line

CLOCK_TOLERANCE = 60  # seconds
HEADING = "\n\n| trained |"  # begins the list of trainings in a description
COLUMNS = " from | on | with | sent by |\n|---|---|---|---|---|\n"


class Busy(Unavailable):
    """Another sender holds the lock of this experiment or study, or requests it at the same time."""


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
    """Send what is missing of the entry's run, count the entry's trainings in the run, and return the run.

    If there is a complete run with the same results, this is the run; of several, the oldest. If there is no such run,
    the training's own run is completed: it gets the points, the entry's files, the best and the last model, the status
    FINISHED, and the tag RESULTS, which marks a complete run. The checkpoints come last. An attempt may fail before
    they are sent, so the next attempt sends the missing ones. Other live runs of the training are deleted: two senders
    may have created one each at the same moment.

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
            _delete(store, live)
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


def complete_study(store: Store, folder: Path, contents: StudyContents) -> Run:
    """Send the study whose entry is in the folder; return the study's run.

    The run is the oldest one with the study's question and text; a missing run is created. If the run has an answer
    from more trials than `contents`, it stays unchanged, with a warning. Raises Busy if another sender holds the lock
    of the study's question.
    """
    store.use_studies()
    with experiment_lock(store, contents.question):
        same = f"tags.`{tag.QUESTION}` = '{contents.question}' AND tags.`{tag.TEXT}` = '{contents.text_sha256}'"
        tags = {tag.STUDY: in_line(contents.name), tag.TEXT: contents.text_sha256, tag.QUESTION: contents.question}
        run = next(iter(store.search(same)), None) or store.create_run(Path(contents.name).stem, tags)
        trials = run.data.tags.get(tag.TRIALS, "")
        if trials.isdecimal() and int(trials) > contents.trials:
            reason = f"MLflow has an answer from {trials} trials, your trials.csv has {contents.trials}: not updated"
            warn_once(contents.question, f"MLflow study {in_line(contents.name)}: {reason}")
            return run
        store.upload(folder / FILES / SHOWN_FILES, run.info.artifact_uri)
        picture = f"![The comparison](get-artifact?path={PICTURE}&run_uuid={run.info.run_id})"
        page = f"[The study’s page]({run_page(run, '/artifacts/' + PAGE)})"
        verdict, _, rest = contents.description.partition("\n\n")
        note = "\n\n".join([verdict, page, picture, rest])
        about = {tag.NOTE: note, tag.TRIALS: str(contents.trials), tag.USER: with_author(run, store.user)}
        store.set_tags(run, contents.tags | about)
        store.end_run(run, "FINISHED", None)
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


def _delete(store: Store, run: Run) -> None:
    """Delete a run that has only points. If the store refuses, set the run's status to KILLED."""
    try:
        store.client.delete_run(run.info.run_id)
    except MlflowException:
        store.end_run(run, "KILLED", None)


def _training_tags(store: Store, run: Run, entry: Entry, description: str | None = None) -> dict[str, str]:
    """Merge the entry's trainings into the run's list, and return the tags: list, count, description and senders.

    A training that the list already has is skipped. The training that created the run is not a reproduction. The list
    keeps the first training, and as many of the newest ones as fit into a tag.

    description  the description of a new run, which the list follows; None keeps the run's own
    """
    tags = run.data.tags
    trainings, counted = _read_trainings(run)
    rows = [_training_row(*training) for training in entry.trainings]
    new = [row | {"by": store.user} for row in rows if not any(row.items() <= known.items() for known in trainings)]
    counted += max(len(new) - (description is not None and not trainings), 0)
    trainings += new
    while len(trainings) > 1 and len(json.dumps(trainings)) > TAG_LENGTH:
        del trainings[1]
    head = tags.get(tag.NOTE, "").partition(HEADING)[0] if description is None else description
    by = {tag.USER: with_author(run, store.user)} if new else {}
    note = head + _table(trainings)
    return {tag.TRAININGS: json.dumps(trainings), tag.REPRODUCTIONS: str(counted), tag.NOTE: note} | by


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


@contextmanager
def experiment_lock(store: Store, experiment: str) -> Iterator[None]:
    """Hold the lock of an experiment key, or of a study's question, in the MLflow experiment that the store uses.

    A sender needs the lock to complete a run, but not to create a live run or to send its points. A tag of a sender
    that is gone is removed. Raises Busy if another sender holds or requests the lock.
    """
    prefix = f"{tag.SENDING}.{experiment}."
    own_key, remaining = f"{prefix}{uuid4().hex}", max(0.0, LIMIT.end - time.monotonic())
    until = f"{time.time() + remaining + CLOCK_TOLERANCE:.0f}"
    try:
        store.client.set_experiment_tag(store.experiment_id, own_key, f"{process()} {until}")
        tags = store.client.get_experiment(store.experiment_id).tags
        others = {key: value for key, value in tags.items() if key.startswith(prefix) and key != own_key}
        for gone in (key for key, value in others.items() if not _counts(value)):
            with suppress(MlflowException):  # another sender has removed the tag
                store.client.delete_experiment_tag(store.experiment_id, gone)
        if any(map(_counts, others.values())):
            raise Busy("another sender sends the same experiment at this moment")
        yield
    finally:
        with suppress(MlflowException):  # the server is down; then the tag holds until it expires
            try:
                store.client.delete_experiment_tag(store.experiment_id, own_key)
            except MlflowException as error:
                if error.error_code == "ENDPOINT_NOT_FOUND":  # MLflow before 3
                    store.client.set_experiment_tag(store.experiment_id, own_key, "0")  # an expiry time of the past


def _counts(value: str) -> bool:
    """Return whether a lock's tag with this value counts: it is well-formed, and its sender may still be at work."""
    name, _, until = value.rpartition(" ")
    return until.isdecimal() and float(until) > time.time() and not process_ended(name)
