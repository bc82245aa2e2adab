"""The MLflow mirror of a run. Files are the record: this completes or rebuilds its copy, and never adds twice.

A run is found by its fingerprint, so that training, tracking, a queue and a repetition all meet the same one.
Every point carries one timestamp, the run's start: MLflow drops a point sent again only if all of it is equal.
"""

import os
from collections.abc import Iterable
from pathlib import Path

# Before mlflow is imported: it reads them once. A server that is away costs seconds, not four minutes.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.entities import Run as MlflowRun

from charloom.lock import in_turn
from charloom.params import Params, flat
from charloom.pipeline import OWN, root

DATABASE = "mlflow.db"
LOCK = OWN / "mlflow.lock"  # eight processes that create one database would crash
EXPERIMENT = "charloom"
FINGERPRINT = "charloom.fingerprint"
RESULTS = "charloom.results"
REPETITIONS = "charloom.repetitions"
POINTS_PER_REQUEST = 1000

Points = dict[int, float]


class Store:
    """The experiment `charloom` in the store of MLFLOW_TRACKING_URI, or else in the main repository's mlflow.db."""

    def __init__(self) -> None:
        """Open the store, whose database `create` has made. Raises MlflowException where it cannot be reached."""
        local = root()
        self.uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{local}/{DATABASE}"
        artifacts = None if os.environ.get("MLFLOW_TRACKING_URI") else (local / "mlartifacts").as_uri()
        with in_turn(local / LOCK):
            self.client = MlflowClient(self.uri)
            found = self.client.get_experiment_by_name(EXPERIMENT)
            self.experiment_id = found.experiment_id if found else self.client.create_experiment(EXPERIMENT, artifacts)

    def run(self, fingerprint: str, params: Params, number: int = 0) -> MlflowRun:
        """Return the run of the fingerprint, created if need be; number 1, 2, … when results have differed."""
        key = f"{fingerprint}:{number}" if number else fingerprint
        with in_turn(root() / LOCK):
            found = self.client.search_runs(
                [self.experiment_id],
                f"tags.`{FINGERPRINT}` = '{key}'",
                order_by=["attributes.start_time ASC"],
            )
            if found:
                return found[0]
            name = f"{Path(params.prepare.text).stem} m={params.m} eta={params.eta} seed={params.seed}"
            run = self.client.create_run(self.experiment_id, tags={FINGERPRINT: key}, run_name=name)
        self.client.log_batch(run.info.run_id, params=[Param(k, str(v)) for k, v in flat(params.model_dump())])
        return run

    def points(self, run: MlflowRun, name: str) -> Points:
        """Return the metric's points in the store, by step."""
        return {metric.step: metric.value for metric in self.client.get_metric_history(run.info.run_id, name)}

    def send(self, run: MlflowRun, name: str, points: Points) -> None:
        """Send the points: 1,000 a request, all at the run's start time."""
        metrics = [Metric(name, value, run.info.start_time, step) for step, value in points.items()]
        for first in range(0, len(metrics), POINTS_PER_REQUEST):
            self.client.log_batch(run.info.run_id, metrics=metrics[first : first + POINTS_PER_REQUEST])

    def tag(self, run: MlflowRun, tags: dict[str, str]) -> None:
        """Set the tags."""
        self.client.log_batch(run.info.run_id, tags=[RunTag(key, value) for key, value in tags.items()])


def record(
    fingerprint: str,
    params: Params,
    results: str,
    series: dict[str, Points],
    tags: dict[str, str],
    artifacts: Iterable[tuple[Path, str]],
) -> MlflowRun:
    """Complete the run from the files and return it, FINISHED.

    A run that holds these results already only counts a repetition; one that holds others is left as it is, and
    a second run, tagged differs_from, takes these. Raises MlflowException where the store does not answer.
    """
    create()
    store = Store()
    run, number = store.run(fingerprint, params), 0
    first = run.info.run_id
    while _differs(store, run, results, series):
        number += 1
        run = store.run(fingerprint, params, number)
    if run.data.tags.get(RESULTS) == results:
        again = int(run.data.tags.get(REPETITIONS, "0")) + 1
        store.tag(run, {REPETITIONS: str(again)})
    else:
        for name, points in series.items():
            there = store.points(run, name)
            store.send(run, name, {step: value for step, value in points.items() if step not in there})
        for path, folder in artifacts:
            store.client.log_artifact(run.info.run_id, str(path), folder or None)
        store.tag(run, tags | ({"charloom.differs_from": first} if number else {}) | {RESULTS: results})
        store.client.set_terminated(run.info.run_id)
    return store.client.get_run(run.info.run_id)


def _differs(store: Store, run: MlflowRun, results: str, series: dict[str, Points]) -> bool:
    """Return whether the run holds results, or points streamed on the way to them, that are not these."""
    if RESULTS in run.data.tags:
        return run.data.tags[RESULTS] != results
    return any(series[name].get(step) != value for name in series for step, value in store.points(run, name).items())


def create() -> None:
    """Create the local database where it is wanted and missing, whole or not at all.

    One that was killed half-way through its migrations would stay broken.
    """
    database = root() / DATABASE
    new = database.with_name(f".{DATABASE}.new")
    with in_turn(root() / LOCK):
        if not os.environ.get("MLFLOW_TRACKING_URI") and not database.exists():
            new.unlink(missing_ok=True)
            MlflowClient(f"sqlite:///{new}").search_experiments()
            new.replace(database)
