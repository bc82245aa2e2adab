"""Completing a run in MLflow from files: nothing twice, and results that differ beside each other, not over each other.

Who is the same: runs with the same experiment key. Results with the same hash are one run; another training that has
come to them counts a reproduction. Other results are a second run that names the first.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from mlflow.entities import Run

from charloom.base.errors import Unavailable
from charloom.base.storage import read_json
from charloom.base.terminal import in_line
from charloom.results.machine import gone
from charloom.results.training_log import Log, all_logs, logs_folder, logs_of
from charloom.settings.params import Params
from charloom.tracking.alone import alone
from charloom.tracking.apart import first_line, went_on
from charloom.tracking.artifacts import upload
from charloom.tracking.contents import RunContents, Series, Times
from charloom.tracking.logged_models import send_models
from charloom.tracking.outbox import ARTIFACTS, CONTENTS, ensure_ours, ensure_whole, held, remove
from charloom.tracking.store import DIFFERS, RESULTS, ROOM, Store, connected

RATE = "characters_per_second"
SECONDS_BETWEEN_RATES = 2.0
TRAININGS = "charloom.trainings"  # tag: a list of them in JSON
REPRODUCTIONS = "charloom.reproductions"  # tag: how many of them came after the first, with the same bits
NOTE = "mlflow.note.content"
LIST = "\n\n| trained | from | on | with | these results |"  # so it began before it said who
HEADING = f"{LIST} sent by |\n|---|---|---|---|---|---|\n"
KEPT = 20  # trainings in the list at most, the first among them


def send(*folders: str) -> None:
    """Send these folders of the outbox, the others too where one fails; count the trainings whose `track` was skipped.

    Raises Unavailable with the reasons.
    """
    ensure_ours()
    reasons = dict[str, None]()
    with connected() as store:
        store.close_dead()
        for folder in map(Path, folders):
            try:
                with held(folder):
                    if not folder.exists():
                        continue  # another process has sent it since it was listed
                    ensure_whole(folder)
                    run = complete(store, read_json(folder / CONTENTS, RunContents), folder)
                    remove(folder)
            except Exception as error:  # noqa: BLE001  a database's driver has exceptions of its own
                reasons[first_line(error, store.about)] = None
            else:
                print(f"MLflow run {in_line(run.info.run_name)}: {store.shows(run)}", flush=True)
        for run in count_trainings(store):
            print(f"MLflow run {in_line(run.info.run_name)}: it counts a training that was not told of", flush=True)
    if reasons:
        raise Unavailable("; ".join(reasons))


def complete(store: Store, contents: RunContents, folder: Path | None) -> Run:
    """Complete the run and return it, FINISHED. Its trainings are counted, and their logs removed.

    `folder` is the run's in the outbox. Without one only the points are known, and the run stays open to its files.
    """
    store.choose(contents.text_sha256, contents.params.prepare.text)
    with alone(store, contents.experiment):
        return _complete(store, contents, folder)


def _complete(store: Store, contents: RunContents, folder: Path | None) -> Run:
    """Do it, alone in the experiment: what is read here is what is there until this ends."""
    logs = logs_of(logs_folder(), contents.experiment)
    mine = [log for log in logs if log.end and log.end.results == contents.results]
    stopped = [log for log in logs if not (log.end and log.end.results)]
    others, run, there = _run_for(store, contents, mine[0] if mine else None)
    filled = RESULTS in run.data.tags
    if not filled:
        way = [*mine[:1], *stopped]
        rates = [points(log, contents.params).get(RATE, {}) for log in way]
        series = contents.series | {RATE: {update: rate for each in rates for update, rate in each.items()}}
        store.send(run, series, times(way), there, None if run.data.params else contents.params)
        if folder:
            upload(folder / ARTIFACTS, run.info.artifact_uri, store.uri)
        if folder and contents.text and contents.train:
            store.name_dataset(run, contents, contents.text)
            send_models(store, run, contents, contents.train, folder)
    tags = _list_trainings(store, run, mine, None if filled else contents.description, same=True)
    if others and mine:
        store.tag(others[0], _list_trainings(store, others[0], mine, None, same=False))
    if run.info.status != "FINISHED":  # else it has ended before, at another moment
        store.close(run, "FINISHED", mine[0].end.ended if mine and mine[0].end else None)
    if not filled:
        tags |= contents.tags | ({DIFFERS: others[0].info.run_id} if others else {})
        tags |= {RESULTS: contents.results} if folder else {}
    store.tag(run, tags)  # last: the one of the results says that all is there
    went_on()
    for log in [*mine, *(log for log in stopped if gone(log.head.process))]:
        log.path.unlink(missing_ok=True)
    return run


def count_trainings(store: Store) -> Iterator[Run]:
    """Count the trainings that have ended and whose `track` was skipped, and yield the run of each.

    An experiment that has no complete run waits: its `track` is still to come.
    """
    ended = [log for log in all_logs() if log.end and log.end.results]
    for experiment, logs in groupby(ended, lambda log: log.head.experiment):
        by_results = {str(log.end and log.end.results): log for log in logs}
        head = next(iter(by_results.values())).head
        store.choose(head.text_sha256, head.params.prepare.text)
        if any(RESULTS in run.data.tags for run in store.runs_of(experiment)):
            for results, log in by_results.items():
                yield complete(store, _contents(log, results), None)


def _run_for(store: Store, contents: RunContents, made: Log | None) -> tuple[list[Run], Run, Series]:
    """Return the runs whose results differ; the run of these results, made if need be; and what it holds."""
    others: list[Run] = []
    runs = store.runs_of(contents.experiment)
    for run in runs:
        there: Series = {}
        if RESULTS in run.data.tags:
            same = run.data.tags[RESULTS] == contents.results
        else:  # it holds points that were streamed on the way to some results
            there = {name: store.points(run, name) for name in (*contents.series, RATE)}
            same = all(there[name].items() <= each.items() for name, each in contents.series.items())
        if same:
            return others, run, there
        others.append(run)
    started = made.head.started if made else None
    return others, store.new_run(contents.experiment, runs, contents.name, started), {}


def _contents(log: Log, results: str) -> RunContents:
    """Return what a log alone says of a run."""
    params = log.head.params
    series = {name: each for name, each in points(log, params).items() if name != RATE}
    return RunContents(
        experiment=log.head.experiment, text_sha256=log.head.text_sha256, name=log.head.name,
        results=results, params=params, series=series, tags={"mlflow.source.git.commit": log.head.commit},
        models={}, requirements=[],
        description="Only the log of this training is left: its points.",
    )  # fmt: skip


def points(log: Log, params: Params) -> Series:
    """Return the log's points by metric, and beside them the speed of training: the same from the same log."""
    series: Series = {}
    last, at = next(((update, when) for _, update, _, when in log.points), (0, 0.0))
    for name, update, value, when in log.points:
        series.setdefault(name, {})[update] = value
        if update > last and when - at >= SECONDS_BETWEEN_RATES:
            series.setdefault(RATE, {})[update] = (update - last) * params.characters / (when - at)
            last, at = update, when
    return series


def times(logs: Iterable[Log]) -> Times:
    """Return when each update of these trainings was done that a point tells of; of the first that did it."""
    return {update: round(when * 1000) for log in reversed(list(logs)) for _, update, _, when in log.points}


def _list_trainings(store: Store, run: Run, logs: list[Log], description: str | None, *, same: bool) -> dict[str, str]:
    """Return the run's list and its description with these trainings, those apart that it has; count reproductions.

    Of a run that is not complete yet, the first training made it, and is none.
    """
    tags = run.data.tags
    listed: list[dict[str, Any]] = json.loads(tags.get(TRAININGS, "[]"))
    made = int(RESULTS not in tags and not listed and same)
    known = [{name: x for name, x in row.items() if name != "by"} for row in listed]
    new = [row | {"by": store.user} for log in logs if (row := _row(log) | {"same": same}) not in known]
    counted = int(tags.get(REPRODUCTIONS, "0")) + max(len(new) * same - made, 0)
    listed += new
    listed[1:] = listed[1:][1 - KEPT :]
    while len(listed) > 1 and len(json.dumps(listed)) > ROOM:
        del listed[1]
    above = tags.get(NOTE, "").partition(LIST)[0] if description is None else description
    rows = (
        f"| {row['when'][:19]} UTC | {row['commit'][:7] or 'no commit'} | {row['processor']}, {row['system']} | "
        f"Python {row['python']}, NumPy {row['numpy']}, Numba {row['numba']} | {'yes' if row['same'] else 'no'} | "
        f"{row.get('by') or '–'} |\n"
        for row in listed
    )
    note = above + (HEADING + "".join(rows) if listed else "")
    return {TRAININGS: json.dumps(listed), REPRODUCTIONS: str(counted), NOTE: note}


def _row(log: Log) -> dict[str, Any]:
    """Return what is told of a training that has ended."""
    ended = log.end.ended if log.end else log.head.started
    when = datetime.fromtimestamp(ended, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return {"when": when, "experiment": log.head.dvc_experiment, **log.head.machine, "commit": log.head.commit}
