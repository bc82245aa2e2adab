"""The MLflow store. Only place.py, where it is, and registry.py and served.py, about models, import mlflow too.

A run is found by its fingerprint, so that training, tracking, a queue and a repetition all meet the same one.
Every point carries one timestamp, the run's start: MLflow drops a point sent again only if all of it is equal.
"""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from mlflow.entities import Run as _Run
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from charloom.base.errors import CharloomError, Unavailable
from charloom.base.lock import in_turn
from charloom.results.machine import gone, process
from charloom.settings.params import Params, flat
from charloom.settings.pipeline import OWN, root
from charloom.tracking.address import address, create
from charloom.tracking.live import first_line
from charloom.tracking.view import TAGS

EXPERIMENT = "charloom"
FINGERPRINT = "charloom.settings.experiment"
RESULTS = "charloom.results"
PROCESS = "charloom.process"
POINTS_PER_REQUEST = 1000
DIGEST = 36  # characters of a dataset's digest that MLflow keeps
NAME = re.compile(r"[A-Za-z0-9_.]+")


Answer = TypeVar("Answer")
Points = dict[int, float]
Run = _Run


class Store:
    """The experiment `charloom` in the store at `address`; `answers` stands still where the store is silent."""

    def __init__(self) -> None:
        """Take the address; nothing is asked of the store yet."""
        self.uri = address()
        self.remote = urlsplit(self.uri).scheme in {"http", "https"}
        self.answers = 0

    def connect(self) -> None:
        """Find or create the experiment, in the database that `create` has made.

        Raises MlflowException where the store cannot be reached, as does everything below.
        """
        self.client = MlflowClient(self.uri)
        with in_turn(root() / OWN / "mlflow.lock"):
            found = self.client.get_experiment_by_name(EXPERIMENT)
            if not found:
                artifacts = None if self.remote else (root() / "mlartifacts").as_uri()
                found = self.client.get_experiment(self.client.create_experiment(EXPERIMENT, artifacts))
            self.experiment_id = found.experiment_id
            for tag, value in TAGS.items():
                if found.tags.get(tag) != value:
                    self.client.set_experiment_tag(self.experiment_id, tag, value)
        self.answered()

    def run(self, fingerprint: str, params: Params, number: int = 0) -> Run:
        """Return the run of the fingerprint, created if need be; number 1, 2, … when results have differed."""
        key = f"{fingerprint}:{number}" if number else fingerprint
        with in_turn(root() / OWN / "mlflow.lock"):
            found = self._runs(f"tags.`{FINGERPRINT}` = '{key}'")
            if not found:
                tags = {FINGERPRINT: key, PROCESS: process()}
                made = self.client.create_run(self.experiment_id, tags=tags, run_name=_name(params))
                found = self._runs(f"tags.`{FINGERPRINT}` = '{key}'")
                if found[0].info.run_id != made.info.run_id:  # another machine was faster
                    self.client.delete_run(made.info.run_id)
            run, values = found[0], dict(flat(params.model_dump()))
            self.check_artifacts(run.info.artifact_uri)
            missing = [Param(name, str(values[name])) for name in sorted(values.keys() - run.data.params.keys())]
            self.client.log_batch(run.info.run_id, params=missing)
        return run

    def _runs(self, condition: str) -> list[Run]:
        """Return the active runs that fulfil it, the oldest first."""
        order = ["attributes.start_time ASC", "attributes.run_id ASC"]
        found: list[Run] = []
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment_id], condition, ViewType.ACTIVE_ONLY, 1000, order, page_token=token
            )
            found += page
            self.answered()
            if not (token := page.token):
                return found

    def check_artifacts(self, uri: str) -> None:
        """Raise MlflowException where a server names a place for artifacts that is not its own: a local file, say."""
        scheme, place, own = urlsplit(uri).scheme, urlsplit(uri).netloc, urlsplit(self.uri).netloc
        wanted = "mlflow-artifacts" if self.remote else "file"
        allowed = os.environ.get("CHARLOOM_ARTIFACT_SCHEME", wanted)
        if scheme != allowed or (scheme == "mlflow-artifacts" and place not in {"", own}):
            raise MlflowException(
                f"the store wants artifacts in {uri!r}; allowed is {allowed}:/… of the store itself, "
                "or what CHARLOOM_ARTIFACT_SCHEME says"
            )

    def open(self, run: Run, processes: str) -> None:
        """Say that the run is at work, in these processes."""
        self.tag(run, {PROCESS: processes})
        self.client.update_run(run.info.run_id, "RUNNING")

    def close(self, run: Run) -> None:
        """Say that the run has ended well, where it does not say so already: that moment was another one."""
        if run.info.status != "FINISHED":
            self.client.set_terminated(run.info.run_id)

    def close_dead(self) -> None:
        """Close the runs whose process on this host has ended without closing them."""
        for run in self._runs("attributes.status = 'RUNNING'"):
            if gone(run.data.tags.get(PROCESS, "")):
                self.client.set_terminated(run.info.run_id, "KILLED")

    def complete(self) -> set[str]:
        """Return the fingerprints of all runs that hold their results."""
        return {run.data.tags[FINGERPRINT] for run in self._runs(f"tags.`{RESULTS}` != ''")}

    def points(self, run: Run, name: str) -> Points:
        """Return the metric's points in the store, by step."""
        history = self.client.get_metric_history(run.info.run_id, name)
        self.answered()
        return {metric.step: metric.value for metric in history}

    def send(self, run: Run, series: dict[str, Points]) -> None:
        """Send the points of each metric, all at the run's start time."""
        points = [(_checked(name), step, value) for name, each in series.items() for step, value in each.items()]
        metrics = [Metric(name, value, run.info.start_time, step) for name, step, value in points]
        for first in range(0, len(metrics), POINTS_PER_REQUEST):
            self.client.log_batch(run.info.run_id, metrics=metrics[first : first + POINTS_PER_REQUEST])
            self.answered()

    def tag(self, run: Run, tags: dict[str, str]) -> None:
        """Set the tags."""
        self.client.log_batch(run.info.run_id, tags=[RunTag(_checked(key), value) for key, value in tags.items()])
        self.answered()

    def read(self, run: Run, source: str, sha256: str, profile: dict[str, float]) -> None:
        """Name the dataset that the run was trained on: the file's name, its hash, where it is, what it is like."""
        place = json.dumps({"uri": source, "sha256": sha256})
        dataset = Dataset(*dataset_key(source, sha256), "local", place, profile=json.dumps(profile))
        context = [InputTag("mlflow.data.context", "training")]
        for attempt in range(2):
            try:
                self.client.log_inputs(run.info.run_id, [DatasetInput(dataset, context)])
                break
            except MlflowException:  # another process has added the same dataset at the same moment
                if attempt:
                    raise
        self.answered()

    def attach(self, run: Run, path: Path, folder: str) -> None:
        """Copy the file, or all of a folder, to the run's artifacts."""
        self.upload(path, run.info.artifact_uri, folder)

    def upload(self, path: Path, place: str, folder: str = "") -> None:
        """Copy the file, or all of a folder, to a place for artifacts; `folder` is one in that place."""
        self.check_artifacts(place)
        # Not through the client: it would ask the server once more where to.
        repository = get_artifact_repository(place, tracking_uri=self.uri)
        for file in [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file()):
            below = "" if path.is_file() else file.parent.relative_to(path).as_posix().removeprefix(".")
            repository.log_artifact(str(file), "/".join(filter(None, (folder, below))) or None)  # type: ignore[no-untyped-call]  # MLflow's own
            self.answered()

    def download(self, place: str, name: str, folder: Path) -> Path:
        """Return the file of that name in the place for artifacts, copied into the folder."""
        self.check_artifacts(place)
        repository = get_artifact_repository(place, tracking_uri=self.uri)
        return Path(repository.download_artifacts(name, str(folder)))  # type: ignore[no-untyped-call]  # MLflow's own

    def answered(self) -> None:
        """Note that the store has answered."""
        self.answers += 1


def _checked(name: str) -> str:
    """Return the name. Raises ValueError where MLflow's pages could not show it: MLflow takes a line end, for one."""
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a metric or a tag")
    return name


def dataset_key(source: str, sha256: str) -> tuple[str, str]:
    """Return the name and the digest by which MLflow knows the text."""
    return Path(source).stem[:500], sha256[:DIGEST]


def _name(params: Params) -> str:
    """Return a run's name: the text, and what tells most runs apart."""
    name = f"{Path(params.prepare.text).stem} seed={params.seed} eta={params.eta} m={params.m} sigma={params.sigma}"
    initial = params.train.initial_accumulator_value
    return f"{name} initial_accumulator_value={initial}" if initial else name


def asked(question: Callable[[Store], Answer]) -> Answer:
    """Return the store's answer, for a command that is about it. Raises Unavailable where there is none."""
    store = Store()
    try:
        create()
        store.connect()
        return question(store)
    except CharloomError:
        raise
    except Exception as error:  # noqa: BLE001  a database's driver has exceptions of its own
        raise Unavailable(f"MLflow: {first_line(error)}") from None
