"""Completing a run in MLflow from files: nothing twice, and results that differ beside each other, not over each other.

Who is the same: runs with the same experiment key. Results with the same hash are one run; another training that has
come to them counts a reproduction. Other results are a second run that names the first.
"""

import shutil
from collections.abc import Iterator
from itertools import count, groupby
from pathlib import Path

from mlflow.entities import Run

from charloom.base.errors import Unavailable
from charloom.base.storage import read_json
from charloom.base.terminal import in_line
from charloom.results.machine import gone
from charloom.results.training_log import Log, all_logs, logs_folder, logs_of
from charloom.settings.params import Params
from charloom.tracking.apart import first_line
from charloom.tracking.contents import RunContents, Series
from charloom.tracking.logged_models import log_model, register
from charloom.tracking.outbox import ARTIFACTS, CONTENTS, held
from charloom.tracking.store import KEY, RESULTS, Store, connected
from charloom.tracking.training_list import RATE, list_trainings, points, times

DIFFERS = "charloom.differs_from"  # tag: the run of the same experiment that came to other results before


def send(*folders: str) -> None:
    """Send these folders of the outbox, the others too where one fails; count the trainings whose `track` was skipped.

    Raises Unavailable with the first reason.
    """
    reasons = []
    with connected() as store:
        store.close_dead()
        for folder in map(Path, folders):
            try:
                with held(folder):
                    run = complete(store, read_json(folder / CONTENTS, RunContents), folder)
                    shutil.rmtree(folder)
            except Exception as error:  # noqa: BLE001  a database's driver has exceptions of its own
                reasons.append(first_line(error))
            else:
                print(f"MLflow run {in_line(run.info.run_name)}: `make ui` shows it", flush=True)
        for run in count_trainings(store):
            print(f"MLflow run {in_line(run.info.run_name)}: it counts a training that was not told of", flush=True)
    if reasons:
        raise Unavailable(reasons[0])


def complete(store: Store, contents: RunContents, folder: Path | None) -> Run:
    """Complete the run and return it, FINISHED. Its trainings are counted, and their logs removed.

    `folder` is the run's in the outbox. Without one only the points are known, and the run stays open to its files.
    """
    store.choose(contents.text_sha256, contents.params.prepare.text)
    logs = logs_of(logs_folder(), contents.experiment)
    mine = [log for log in logs if log.end and log.end.results == contents.results]
    stopped = [log for log in logs if not (log.end and log.end.results)]
    others, run, there = _run_for(store, contents, mine[0] if mine else None)
    filled = RESULTS in run.data.tags
    if not filled:
        way = [*mine[:1], *stopped]
        rates = [points(log, contents.params.seq_length).get(RATE, {}) for log in way]
        series = contents.series | {RATE: {update: rate for each in rates for update, rate in each.items()}}
        store.send(run, series, times(way), there)
        if folder:
            _send_files(store, run, contents, folder)
        store.tag(run, contents.tags | ({DIFFERS: others[0].info.run_id} if others else {}))
    list_trainings(store, run, mine, None if filled else contents.description, same=True)
    if others and mine:
        list_trainings(store, others[0], mine, None, same=False)
    if run.info.status != "FINISHED":  # else it has ended before, at another moment
        store.close(run, "FINISHED", mine[0].end.ended if mine and mine[0].end else None)
    if folder and not filled:
        store.tag(run, {RESULTS: contents.results})  # last: it says that all is there
    for log in [*mine, *(log for log in stopped if gone(log.head.process))]:
        log.path.unlink(missing_ok=True)
    return run


def _send_files(store: Store, run: Run, contents: RunContents, folder: Path) -> None:
    """Send what lies in the run's folder: artifacts and models, which are measured on the text that is named first."""
    store.files.upload(folder / ARTIFACTS, run.info.artifact_uri)
    store.name_dataset(run, contents)
    logged = [log_model(store, run, contents, each, folder) for each in contents.models]
    if contents.version:
        register(store, run, logged[0], contents.version)


def count_trainings(store: Store) -> Iterator[Run]:
    """Count the trainings that have ended and whose `track` was skipped, and yield the run of each.

    An experiment that has no complete run waits: its `track` is still to come.
    """
    ended = [log for log in all_logs() if log.end and log.end.results]
    for experiment, logs in groupby(ended, lambda log: log.head.experiment):
        by_results = {str(log.end and log.end.results): log for log in logs}
        head = next(iter(by_results.values())).head
        store.choose(head.text_sha256, Params.model_validate(head.params).prepare.text)
        if any(RESULTS in run.data.tags for run in store.runs_of(experiment)):
            for results, log in by_results.items():
                yield complete(store, _contents(log, results), None)


def _run_for(store: Store, contents: RunContents, made: Log | None) -> tuple[list[Run], Run, Series]:
    """Return the runs whose results differ; the run of these results, made if need be; and what it holds."""
    others: list[Run] = []
    runs = store.runs_of(contents.experiment)
    for run in runs:
        complete = RESULTS in run.data.tags
        there = {name: {} if complete else store.points(run, name) for name in (*contents.series, RATE)}
        if not _differs(run, contents, there):
            return others, run, there
        others.append(run)
    taken = {run.data.tags[KEY] for run in runs}
    number = next(n for n in count() if (f"{contents.experiment}:{n}" if n else contents.experiment) not in taken)
    started = made.head.started if made else None
    return others, store.new_run(contents.experiment, number, contents.name, contents.params, started), {}


def _differs(run: Run, contents: RunContents, there: Series) -> bool:
    """Return whether the run holds results, or points streamed on the way to them, that are not these."""
    if RESULTS in run.data.tags:
        return run.data.tags[RESULTS] != contents.results
    here = contents.series.items()
    return any(each.get(update) != value for name, each in here for update, value in there[name].items())


def _contents(log: Log, results: str) -> RunContents:
    """Return what a log alone says of a run."""
    params = Params.model_validate(log.head.params)
    series = {name: each for name, each in points(log, params.seq_length).items() if name != RATE}
    return RunContents(
        experiment=log.head.experiment, text_sha256=log.head.text_sha256, name=log.head.name,
        results=results, params=params, series=series,
        tags={"mlflow.source.git.commit": log.head.commit}, profile={}, models=[], version=None, requirements=[],
        description="Only the log of this training is left: its points.",
    )  # fmt: skip
