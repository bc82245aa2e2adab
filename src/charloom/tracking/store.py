"""The MLflow store: one MLflow experiment for each text, and operations on its runs.

Runs on different texts cannot be compared, so each text has its own MLflow experiment. A run is identified by its
*experiment key*, a digest of params and text, so training, tracking, the spool and repetitions all use the same run.
MLflow cannot delete a point, and it ignores a point that is sent again with the same time. A point's time comes from
the training's record, so sending a point is idempotent.
"""

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from traceback import format_exception
from typing import Any, TypeVar
from unicodedata import normalize
from urllib.parse import quote, urlsplit

from mlflow import MlflowClient, set_tracking_uri
from mlflow.entities import Experiment, Metric, Param, Run, RunTag, ViewType
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.db import utils as databases
from mlflow.utils import get_results_from_paginated_fn as all_pages
from sqlalchemy.exc import SQLAlchemyError

from charloom.core.base.errors import CharloomError, Unavailable
from charloom.core.base.storage import write
from charloom.core.base.terminal import visible
from charloom.core.base.words import in_line
from charloom.core.config.params import Params, as_yaml, flat_of
from charloom.core.runtime.provenance import or_unknown
from charloom.core.training.record import sender_lock
from charloom.results.git import author
from charloom.tracking import tag
from charloom.tracking.address import address, artifacts, create_database, page_address
from charloom.tracking.limits import note_progress
from charloom.tracking.reasons import Refused, first_line, masked, status_of

databases.MAX_RETRY_COUNT = 1  # report an unusable database immediately, not after two minutes of retries

STUDIES = "studies"  # the key of the experiment for studies
PAGE = 100  # search results per request: a server takes seconds for 1,000 runs
BATCH, PARALLEL = 1000, 4  # points per request; requests at once: sixty senders make sixty times as many
TAG_LENGTH = 5000  # characters of a tag: MLflow 2.10 refuses a longer one, later versions truncate it
EXPECTED = (CharloomError, MlflowException, SQLAlchemyError, OSError, MemoryError)
ONCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}  # within the sender's time limit
RETRY_PAUSE = 2  # seconds after a failure: a database may have restarted
Created = TypeVar("Created")
Item = TypeVar("Item")
Result = TypeVar("Result")
Point = tuple[tuple[str, int], tuple[float, float]]  # (name, update), (value, time in seconds since 1970)


class Store:
    """charloom's MLflow experiments in the store at `address`. The methods raise MlflowException if a request fails.

    uri            the store's address, with the login
    remote         whether the store is a server
    user           the sender's name: the login name for the store or Git's author, without HTML's special characters
    about          the object of the current request, for error messages
    client         MLflow's client; set by `connect`
    experiments    charloom's experiments by the text's SHA-256, or STUDIES; set by `connect`
    """

    def __init__(self) -> None:
        """Set the store's address. No request is sent before `connect`."""
        self.uri = address()
        self.remote = bool(page_address())
        user = os.environ.get("MLFLOW_TRACKING_USERNAME") or or_unknown(author)
        self.user = re.sub(r"[^\w .@+-]", "", in_line(user))[:80]
        self.about = ""

    def where_shown(self, run: Run) -> str:
        """Return the address of the run's page on a server; for a database, the command that shows the run."""
        return f"{page_address()}/{run_page(run)}" if self.remote else "`make ui` shows it"

    def connect(self) -> None:
        """Connect, and read charloom's experiments. If a text has several experiments, the oldest is used."""
        set_tracking_uri(self.uri)  # otherwise MLflow searches its default store for models
        self.client = MlflowClient(self.uri)
        order = ["creation_time DESC", "experiment_id DESC"]  # the oldest is the last in the dict
        ours = all_results(self.client.search_experiments, filter_string=f"tags.`{tag.TEXT}` LIKE '%'", order_by=order)
        self.experiments = {experiment.tags.get(tag.TEXT, ""): experiment for experiment in ours}

    def experiment_of(self, text_sha256: str, source: str) -> Experiment:
        """Return the experiment of this text. Create the experiment if it is missing.

        source  the text's file, which gives the experiment its name; for a second text with the same file name, the
                first digits of its SHA-256 are added

        Two experiments result only if two machines send a text for the first time, in the same second, from files with
        different names. If the server hides the text's experiment from this user, MlflowException is raised, because
        the name is taken. If the hidden experiment was renamed, a second experiment is created.
        """
        name = f"charloom {normalize('NFC', in_line(Path(source).stem))[:200]}"
        return self.experiment(text_sha256, name, tag.TEXT_TAGS)

    def experiment(self, key: str, name: str, tags: dict[str, str]) -> Experiment:
        """Return the experiment with this key: a text's SHA-256, or STUDIES. Create a missing one with this name.

        Tags that are missing or differ, such as the description and the view of MLflow's page, are set.
        Raises MlflowException if the experiment was deleted.
        """
        tags = {tag.TEXT: key} | tags
        experiment = self.experiments.get(key) or self._experiment(name, tags)
        if experiment.tags.get(tag.TEXT, key) != key:
            experiment = self._experiment(f"{name} {key[:8]}", tags)
        self.about, number = f"experiment {in_line(experiment.name)!r}", experiment.experiment_id
        if experiment.lifecycle_stage == "deleted":
            hint = f"`mlflow experiments restore --experiment-id {number}` restores it"
            raise MlflowException(f"{self.about} was deleted in the store: {hint}, `mlflow gc` frees its name")
        for tag_name, value in tags.items():
            if experiment.tags.get(tag_name) != value:
                self.client.set_experiment_tag(number, tag_name, value)
        return experiment

    def _experiment(self, name: str, tags: dict[str, str]) -> Experiment:
        """Return the experiment with this name, also a deleted one. If there is none, create one with `tags`.

        If another machine creates the experiment at the same time, that experiment is returned. Raises MlflowException
        if the server hides the experiment with this name from the user, or if creation fails.
        """
        self.about = f"experiment {name!r}"
        try:
            number = self.client.create_experiment(name, None if self.remote else artifacts(), tags | {tag.NAME: name})
            return self.client.get_experiment(number)
        except MlflowException as error:
            if error.error_code == "RESOURCE_ALREADY_EXISTS" and (known := self.client.get_experiment_by_name(name)):
                return known
            raise

    def search(self, experiment: Experiment, condition: str, view: int = ViewType.ACTIVE_ONLY) -> list[Run]:
        """Return the experiment's runs that fulfil the condition, in MLflow's syntax, oldest first."""
        order, number = ["attributes.start_time ASC", "attributes.run_id ASC"], experiment.experiment_id
        return all_results(self.client.search_runs, [number], condition, run_view_type=view, order_by=order)

    def create_run(
        self, experiment: Experiment, name: str, tags: dict[str, str], condition: str, started: float | None = None
    ) -> Run:
        """Create a run in the experiment, and return the run.

        condition  finds the run, as in `search`
        started    the run's start in seconds since 1970; None: now
        """
        start, all_tags = None if started is None else round(1000 * started), tags | {tag.USER: self.user}
        create = partial(self.client.create_run, experiment.experiment_id, start, all_tags, name)
        return create_once(create, lambda: self.search(experiment, condition))

    def end_run(self, run: Run, status: str, ended: float | None) -> None:
        """Set the run's final status, and its end in seconds since 1970 (None: now)."""
        self.client.set_terminated(run.info.run_id, status, None if ended is None else round(1000 * ended))

    def send(self, run: Run, points: Iterable[Point], params: Params | None = None) -> None:
        """Send the points to the run, in batches of BATCH points, and the params."""
        metrics = [Metric(name, value, round(1000 * when), update) for (name, update), (value, when) in points]
        # MLflow's page of compared runs opens with the metric that a run got first.
        metrics.sort(key=lambda metric: not metric.key.startswith("held_out"))
        param_entities = [Param(*item) for item in params_as_text(params).items()] if params else []
        for start in range(0, len(metrics) or 1, BATCH):
            self.client.log_batch(run.info.run_id, metrics[start : start + BATCH], () if start else param_entities)
            note_progress()

    def points_of(self, run: Run) -> set[tuple[str, int]]:
        """Return name and update of each point that the run, which was just read, has."""
        histories = self.each(partial(self.client.get_metric_history, run.info.run_id), run.data.metrics)
        return {(point.key, point.step) for history in histories for point in history}

    def set_tags(self, run: Run, tags: dict[str, str]) -> None:
        """Set the run's tags. A value longer than TAG_LENGTH is truncated, at the end of a line if possible."""
        values = [RunTag(key, _truncated(visible(value))) for key, value in tags.items()]
        self.client.log_batch(run.info.run_id, tags=values)

    def upload(self, folder: Path, uri: str) -> None:
        """Upload all files in the folder and below to the artifact address `uri`.

        Raises MlflowException if a server names a folder of this machine: it was started without proxied artifacts.
        """
        if self.remote and urlsplit(uri).scheme in {"", "file"}:
            raise MlflowException(f"the server names the folder {uri!r} for artifacts: start it with --serve-artifacts")
        repository = get_artifact_repository(uri, tracking_uri=self.uri)  # the client would ask for the address again

        def send(file: Path) -> None:
            below = file.parent.relative_to(folder)
            repository.log_artifact(str(file), None if below == Path() else str(below))  # type: ignore[no-untyped-call]  # MLflow's own

        self.each(send, sorted(file for file in folder.rglob("*") if file.is_file()))

    def each(self, request: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Call `request` for each item, and return the results in order. A server gets PARALLEL requests at once."""
        pool, results = ThreadPoolExecutor(PARALLEL), []
        try:
            for result in (pool.map if self.remote else map)(request, items):
                results.append(result)
                note_progress()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # after an exception, nobody waits for the requests
        return results


def create_once(create: Callable[[], Created], search: Callable[[], list[Created]]) -> Created:
    """Return the object, such as a run or a model, that the request `create` creates.

    MLflow repeats a request after a timeout, but a busy server may still execute the first one: then there are two
    objects. So MLflow does not repeat this request. If the server does not answer, or answers with an HTTP status
    from 500, the first object that `search` finds is returned. If `search` finds nothing, the request is sent again.
    """
    usual = {name: os.environ[name] for name in ONCE}
    os.environ |= ONCE  # MLflow has no parameter for it
    try:
        return create()
    except MlflowException as error:
        if error.get_http_status_code() < 500:  # type: ignore[no-untyped-call]  # MLflow's own
            raise
        time.sleep(RETRY_PAUSE)
        return next(iter(search()), None) or create()
    finally:
        os.environ |= usual


def all_results(search: Callable[..., Any], *arguments: Any, **options: Any) -> list[Any]:
    """Return all results of a search by MLflow's client, which returns PAGE results at a time."""
    return all_pages(  # type: ignore[no-untyped-call,no-any-return]  # MLflow's own
        lambda most, token: search(*arguments, max_results=most, page_token=token, **options), PAGE
    )


def run_page(run: Run, part: str = "") -> str:
    """Return the path of the run's page in MLflow, relative to the address of MLflow's pages.

    part  a part of the page, such as `/artifacts/report.html`

    The query in the path selects MLflow's pages for machine learning.
    """
    # The ids come from the server, so they are quoted.
    experiment, run_id = (quote(number, safe="") for number in (run.info.experiment_id, run.info.run_id))
    return f"#/experiments/{experiment}/runs/{run_id}{part}?workflowType=machine_learning"


def with_authors(tags: dict[str, str], *users: str) -> str:
    """Return the names in the run's tag USER and then those of `users`, separated by commas, without duplicates."""
    return ", ".join(dict.fromkeys([*filter(None, tags.get(tag.USER, "").split(", ")), *users]))


def params_as_text(params: Params) -> dict[str, str]:
    """Return the params as YAML texts by dotted name, with non-printable characters escaped."""
    return {name: in_line(as_yaml(value)) for name, value in flat_of(params).items()}


def text_of(version: ModelVersion) -> str:
    """Return the SHA-256 of the text of a registered model's version, or "" if charloom did not create the version."""
    return version.tags.get(tag.COMPARABLE, "").rpartition(" ")[2]


def _truncated(text: str) -> str:
    return text if len(text) <= TAG_LENGTH else text[:TAG_LENGTH].rpartition("\n")[0] or text[:TAG_LENGTH]


@contextmanager
def connected() -> Iterator[Store]:
    """Yield the connected store. A missing SQLite database is created.

    Raises Unavailable, with the reason, if the creation or the connection fails, or the block raises an exception that
    is no CharloomError.
    """
    store = Store()
    try:
        create_database()
        store.connect()
        yield store
    except CharloomError:
        raise
    except Exception as error:  # noqa: BLE001  database drivers raise exceptions of their own
        raise (Refused if status_of(error) in {"401", "403"} else Unavailable)(reason_of(error, store.about)) from None


def reason_of(error: Exception, about: str = "") -> str:
    """Return the error in one line: see `first_line`. For an error not EXPECTED, it names a log with the traceback.

    The log has the last unexpected error, without credentials.
    """
    line, log = first_line(error, about), sender_lock("unexpected").with_suffix(".log")
    with suppress(Unavailable):  # the disk is full
        if not isinstance(error, EXPECTED):
            write(log, masked(visible("".join(format_exception(error)))))
            return f"unexpected error, its traceback is in {log}: {line}"
    return line
