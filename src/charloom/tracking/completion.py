"""A run in MLflow from a training's record: nothing twice; results that differ are runs of their own.

Who is the same: runs with the same experiment key. Results with the same hash are one run; another training that has
come to them counts a reproduction. Other results are a second run that names the first.

While a training is at work, a run of its own shows it. If the experiment has a complete run with these results by the
end, made by another machine say, the training is counted there, and its own run is deleted.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from charloom.base.terminal import in_line, warn_once
from charloom.results.spool import BEST, FILES, LAST, SHOWN_FILES, End, Start
from charloom.tracking.alone import alone
from charloom.tracking.artifacts import upload
from charloom.tracking.entries import Entry
from charloom.tracking.limits import went_on
from charloom.tracking.logged_models import send_models
from charloom.tracking.registry import register
from charloom.tracking.store import DIFFERS, KEY, OF_RECORD, RESULTS, ROOM, USER, Point, Store, number_of, with_author

TRAININGS = "charloom.trainings"  # tag: a list of them in JSON
REPRODUCTIONS = "charloom.reproductions"  # tag: how many of them came after the first, with the same bits
CHECKPOINTS = "charloom.checkpoints"  # tag: how many models besides the best and the last; all of them are there
NOTE = "mlflow.note.content"
LIST = "\n\n| trained | from | on | with | these results |"  # so it began before it said who
HEADING = f"{LIST} sent by |\n|---|---|---|---|---|---|\n"
ROW = {"when", "commit", "processor", "system", "python", "numpy", "numba", "same"}
KEPT = 20  # trainings in the list at most, the first among them
ONLY_POINTS = "Only the record of this training is left: its points."


def live_run(store: Store, entry: Entry) -> Run | None:
    """Return the run that shows the training at work, made if need be.

    None if the experiment has a complete run, or one of another training that is at work.
    """
    runs = _runs_of(store, entry)
    if any(RESULTS in run.data.tags for run in runs):
        return None
    if not (own := _own(runs, entry)) and any(run.info.status == "RUNNING" for run in runs):
        return None
    if own and not entry.over:  # it was stopped, and goes on
        store.client.update_run(own.info.run_id, "RUNNING")
    return own or _new_run(store, entry)


def complete(store: Store, entry: Entry, sent: int = 0) -> Run | None:
    """Complete the run and return it, FINISHED, with the entry's trainings counted.

    A training without files is counted only if its experiment has a complete run; else None is returned.

    sent  how many of the entry's points its own run has already; to send them again does no harm
    """
    start, tracked = entry.first, entry.tracked
    store.choose(start.text_sha256, start.params.prepare.text)
    with alone(store, start.experiment):
        runs = store.runs_of(start.experiment)
        others = [run for run in runs if RESULTS in run.data.tags]
        if not (tracked or others):
            return None
        own, tags = _own(runs, entry), dict[str, str]()
        run = next((each for each in others if each.data.tags[RESULTS] == entry.results), None)
        if run:
            others.remove(run)
            if own and own is not run:
                _delete(store, own)
            tags |= _listed(store, run, entry, None, same=True)
        else:
            sent = sent if own else 0
            run = own = own or _new_run(store, entry)
            store.send(run, points(entry, sent), None if run.data.params else start.params)
            if tracked:
                upload(entry.folder / FILES / SHOWN_FILES, run.info.artifact_uri, store.uri)
                store.name_dataset(run, start, tracked)
                register(store, run, send_models(store, run, entry, tracked, (BEST, LAST)), start, tracked.train)
            tags |= _listed(store, run, entry, tracked.description if tracked else ONLY_POINTS, same=True)
            tags |= tracked.tags if tracked else {}
            if others:
                number = max(map(number_of, others)) + 1
                tags |= {DIFFERS: others[0].info.run_id, KEY: f"{start.experiment}:{number}"}
            if run.info.status != "FINISHED":  # else it has ended before, at another moment
                store.close(run, "FINISHED", entry.trainings[0][1].ended if entry.trainings else None)
            tags |= {RESULTS: tracked.results} if tracked else {}
        if others and entry.trainings:
            store.tag(others[0], _listed(store, others[0], entry, None, same=False))
        store.tag(run, tags)  # the one of the results says that all is there, besides checkpoints
        went_on()
        if tracked and run is own and CHECKPOINTS not in run.data.tags:
            checkpoints = tracked.models.keys() - {BEST, LAST}
            send_models(store, run, entry, tracked, sorted(checkpoints))
            store.tag(run, {CHECKPOINTS: str(len(checkpoints))})
        return run


def points(entry: Entry, sent: int = 0) -> Iterator[Point]:
    """Yield the points of the record after so many."""
    for (name, update), (value, when) in islice(entry.points.items(), sent, None):
        yield name, update, value, when


def _runs_of(store: Store, entry: Entry) -> list[Run]:
    store.choose(entry.first.text_sha256, entry.first.params.prepare.text)
    return store.runs_of(entry.first.experiment)


def _own(runs: list[Run], entry: Entry) -> Run | None:
    return next((run for run in runs if run.data.tags.get(OF_RECORD) == entry.first.record), None)


def _new_run(store: Store, entry: Entry) -> Run:
    start = entry.first
    return store.make(start.name, {KEY: start.experiment, OF_RECORD: start.record}, start.started)


def _delete(store: Store, run: Run) -> None:
    """Delete a run that has only points; close it if the server does not let us."""
    try:
        store.client.delete_run(run.info.run_id)
    except MlflowException:
        store.close(run, "KILLED", None)


def _listed(store: Store, run: Run, entry: Entry, description: str | None, *, same: bool) -> dict[str, str]:
    """Return the run's list and description with the entry's trainings, their number, and who has sent them.

    A training that the list has is skipped. The training that created the run is not a reproduction.
    """
    tags = run.data.tags
    listed, counted = _list_of(run)
    created = int(RESULTS not in tags and not listed and same)
    known = [{name: x for name, x in row.items() if name != "by"} for row in listed]
    rows = [_row(*each) | {"same": same} for each in entry.trainings]
    new = [row | {"by": store.user} for row in rows if row not in known]
    counted += max(len(new) * same - created, 0)
    listed += new
    listed[1:] = listed[1:][1 - KEPT :]
    while len(listed) > 1 and len(json.dumps(listed)) > ROOM:
        del listed[1]
    above = tags.get(NOTE, "").partition(LIST)[0] if description is None else description
    lines = (
        f"| {row['when'][:19]} UTC | {row['commit'][:7] or 'no commit'} | {row['processor']}, {row['system']} | "
        f"Python {row['python']}, NumPy {row['numpy']}, Numba {row['numba']} | {'yes' if row['same'] else 'no'} | "
        f"{row.get('by') or '–'} |\n"
        for row in listed
    )
    note = above + (HEADING + "".join(lines) if listed else "")
    by = {USER: with_author(run, store.user)} if same and new else {}
    return {TRAININGS: json.dumps(listed), REPRODUCTIONS: str(counted), NOTE: note} | by


def _list_of(run: Run) -> tuple[list[dict[str, Any]], int]:
    """Return the trainings that the run lists, and the number of reproductions. Name a list that is not ours."""
    with suppress(ValueError, TypeError):
        listed, counted = json.loads(run.data.tags.get(TRAININGS, "[]")), int(run.data.tags.get(REPRODUCTIONS, "0"))
        if all(isinstance(row, dict) and row.keys() >= ROW for row in listed):
            return listed, counted
    warn_once(run.info.run_id, f"MLflow run {in_line(run.info.run_name)}: {TRAININGS}: not charloom's: begun anew")
    return [], 0


def _row(start: Start, end: End) -> dict[str, Any]:
    """Return what is told of a training that has ended."""
    when = datetime.fromtimestamp(end.ended, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return {"when": when, "experiment": start.dvc_experiment, **start.machine, "commit": start.commit}
