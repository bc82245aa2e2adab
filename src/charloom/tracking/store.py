"""The MLflow store: an MLflow experiment for each text, and what a run is made of.

What is trained on different texts cannot be compared, so it lies apart. A run is found by the key of its experiment,
so that training, tracking, a queue and a repetition all meet the same one. MLflow cannot take a point back, and drops
one that comes again with the same time: a point has its time from the training's record, and may be sent again.
"""

import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from urllib.parse import quote, urlsplit

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Experiment, ExperimentTag, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.db import utils as databases
from mlflow.utils import get_results_from_paginated_fn as all_pages

from charloom.base.errors import CharloomError, Unavailable
from charloom.base.terminal import in_line, visible
from charloom.results.git import author, known
from charloom.results.spool import Start, Tracked
from charloom.settings.params import Params, as_yaml, flat_of
from charloom.tracking.address import address, artifacts, turn
from charloom.tracking.artifacts import ensure_allowed
from charloom.tracking.limits import went_on
from charloom.tracking.reasons import SETTINGS, first_line
from charloom.tracking.view import STUDIES_TAGS, TAGS
from dvc_summary.locks import leaves

databases.MAX_RETRY_COUNT = 1  # who cannot open a database is told so at once, not after two minutes

TEXT = "charloom.text_sha256"  # tag: of the experiment, and of its runs
KEY = "charloom.experiment"  # tag: the experiment key; with :1, :2, … where results have differed
RESULTS = "charloom.results"  # tag: the hash of the results; a run that has it is complete
DIFFERS = "charloom.differs_from"  # tag: the run of the same experiment or trial that came to other results before
STUDIES = "charloom.studies"  # tag: of the experiment that holds studies, which are no runs of the pipeline
ALL_STUDIES = "charloom: studies"  # its name: with a colon no text's experiment has it
USER = "mlflow.user"  # tag: who sent it, as MLflow's pages show it
OF_RECORD = "charloom.record"  # tag: the record (see results/spool.py) that the run gets its points from
ENDED = {"FINISHED", "FAILED"}  # states of runs
RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"  # __init__.py has set it
PAGE = 100  # results of a search in a request: a server takes seconds for 1,000 runs
BATCH = 1000  # points in a request
ROOM = 8000  # characters of a tag: MLflow cuts a longer one without a word
DIGEST = 36  # characters of a dataset's digest that MLflow keeps
FAILED = re.compile(r"error code 5\d\d|too many 5\d\d")  # of a server that answers, whose database is away
OUTAGE = 1.5  # seconds, after which a database that is started again may be there
Point = tuple[str, int, float, float]  # name, update, value, and time in seconds since 1970
NAME = re.compile(r"[A-Za-z0-9_.]+")


class Store:
    """charloom's experiments in the store at `address`. Everything raises MlflowException where that fails."""

    def __init__(self) -> None:
        """Take the address; nothing is asked of the store yet."""
        self.uri = address()
        self.remote = urlsplit(self.uri).scheme in {"http", "https"}
        self.about = ""  # what a refusal is about

    @cached_property
    def user(self) -> str:
        """Who sends: as whom the store is asked, or else Git's author; without signs that a page could act on."""
        name = os.environ.get("MLFLOW_TRACKING_USERNAME") or known(author)
        return re.sub(r"[^\w .@+-]", "", in_line(name))[:80]

    @cached_property
    def pages(self) -> str:
        """Where a server shows its pages, without who asks it; nothing for a database, whose pages we serve."""
        parts = urlsplit(self.uri)
        shown = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="")
        return in_line(SETTINGS.sub(r"\1***", shown.geturl())).rstrip("/") if self.remote else ""

    def shows(self, run: Run) -> str:
        """Return what a person is told who wants to see the run."""
        return f"{self.pages}/{place(run)}" if self.remote else "`make ui` shows it"

    def connect(self) -> None:
        """Find the experiments. The first question is asked twice at most: of who is away one hears within seconds."""
        self.client = MlflowClient(self.uri)
        retries, os.environ[RETRIES] = os.environ[RETRIES], "0"
        try:
            try:
                texts = self._experiments(f"tags.`{TEXT}` LIKE '%'")
            except MlflowException as error:
                if not FAILED.search(str(error)):
                    raise
                time.sleep(OUTAGE)
                texts = self._experiments(f"tags.`{TEXT}` LIKE '%'")
        finally:
            os.environ[RETRIES] = retries
        self.experiments = {each.tags.get(TEXT, ""): each for each in texts}

    def choose(self, text_sha256: str, source: str) -> None:
        """Go on with the experiment of this text, made if need be; `source` is the text's file.

        Of two texts in files of one name the second has digits in its name. One that the server hides from us is known
        by these names alone: under another name it is not found, and a second one is made.
        """
        if text_sha256 not in self.experiments:
            name = f"charloom {in_line(Path(source).stem)[:200]}"
            self.experiments[text_sha256] = self._made(TEXT, text_sha256, TAGS, name, f"{name} {text_sha256[:8]}")
        self.go_on_with(self.experiments[text_sha256], TAGS)

    def choose_studies(self) -> None:
        """Go on with the experiment that holds studies, made if need be. It is none of a text: see `connect`."""
        self.go_on_with(self.studies() or self._made(STUDIES, "true", STUDIES_TAGS, ALL_STUDIES), STUDIES_TAGS)

    def studies(self) -> Experiment | None:
        """Return the experiment that holds studies, if there is one."""
        return next(iter(self._experiments(f"tags.`{STUDIES}` = 'true'")), None)

    def go_on_with(self, chosen: Experiment, tags: dict[str, str]) -> None:
        """Go on with this experiment, which gets the tags that it has not got yet: its views, too."""
        self.about = f"experiment {in_line(chosen.name)!r}"
        self.experiment_id = chosen.experiment_id
        for tag, value in tags.items():
            if chosen.tags.get(tag) != value:
                self.client.set_experiment_tag(self.experiment_id, tag, value)

    def _made(self, tag: str, value: str, tags: dict[str, str], *names: str) -> Experiment:
        """Make the experiment with this tag and more, under the first of the names that is free, and return it.

        Two machines that send one text for the first time, in the same second and in files of two names, make two.
        """
        where, all_tags = None if self.remote else artifacts(), {tag: value} | tags
        for name in names:
            self.about = f"experiment {name!r}"
            try:
                made = self.client.create_experiment(name, where, all_tags)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                there = self.client.get_experiment_by_name(name)  # raises where we may not see it: it may well be ours
                if faster := self._experiments(f"tags.`{tag}` = '{value}'"):  # another machine was
                    return faster[0]
            else:
                said = [ExperimentTag(*each) for each in all_tags.items()]
                return Experiment(made, name, where or "", "active", said)
        if there and there.lifecycle_stage == "deleted":
            again = f"`mlflow experiments restore --experiment-id {there.experiment_id}` brings it back"
            raise MlflowException(f"experiment {name!r} was deleted in the store: {again}, `mlflow gc` frees its name")
        raise MlflowException(
            f"the store has an experiment {name!r} that is none of charloom's: delete it or rename it"
        )

    def _experiments(self, condition: str) -> list[Experiment]:
        """Return the active experiments that fulfil it, the newest first, as the keys of a dict keep the oldest."""
        order = ["creation_time DESC", "experiment_id DESC"]
        search = partial(self.client.search_experiments, filter_string=condition, order_by=order)
        return all_pages(lambda most, token: search(max_results=most, page_token=token), PAGE)  # type: ignore[no-untyped-call,no-any-return]  # MLflow's own

    def search(self, condition: str, experiments: list[str] | None = None) -> list[Run]:
        """Return the active runs that fulfil it, those that have ended first, and among them the oldest."""
        order, where = ["attributes.start_time ASC", "attributes.run_id ASC"], experiments or [self.experiment_id]
        search = partial(self.client.search_runs, where, condition, order_by=order)
        found = all_pages(lambda most, token: search(max_results=most, page_token=token), PAGE)  # type: ignore[no-untyped-call]  # MLflow's own
        return sorted(found, key=lambda run: run.info.status not in ENDED)

    def runs_of(self, experiment: str) -> list[Run]:
        """Return the runs of the experiment; the first one, and in their order those whose results have differed."""
        return sorted(self.search(f"tags.`{KEY}` LIKE '{experiment}%'"), key=number_of)

    def make(self, name: str, tags: dict[str, str], started: float | None = None) -> Run:
        """Make a run, begun at this moment or then, in seconds since 1970."""
        start = milliseconds(started)
        run = self.client.create_run(self.experiment_id, start_time=start, tags=tags | {USER: self.user}, run_name=name)
        ensure_allowed(run.info.artifact_uri, self.uri)
        return run

    def close(self, run: Run, status: str, ended: float | None) -> None:
        """Say that the run has ended, and when, in seconds since 1970."""
        self.client.set_terminated(run.info.run_id, status, milliseconds(ended))

    def send(self, run: Run, points: Iterable[Point], params: Params | None = None) -> None:
        """Send the points, and with the first of them the params of a run that has none yet."""
        metrics = [
            Metric(_checked(name), value, round(1000 * when), update, run_id=run.info.run_id)
            for name, update, value, when in points
        ]
        named = [Param(*each) for each in shown(params).items()] if params else []
        while metrics or named:
            room = BATCH - len(named)
            self.client.log_batch(run.info.run_id, metrics=metrics[:room], params=named)
            metrics, named = metrics[room:], []
            went_on()

    def tag(self, run: Run, tags: dict[str, str]) -> None:
        """Set the tags; of a text that is too long, whole lines."""
        said = [RunTag(_checked(key), _with_room(visible(value))) for key, value in tags.items()]
        self.client.log_batch(run.info.run_id, tags=said)

    def name_dataset(self, run: Run, start: Start, tracked: Tracked) -> None:
        """Name the text that the run was trained on."""
        source = json.dumps({"uri": in_line(start.params.prepare.text), "sha256": tracked.text.sha256})
        profile = json.dumps(dict(leaves(tracked.text.model_dump(exclude={"sha256"}))))
        dataset = Dataset(*dataset_key(start), "local", source, profile=profile)
        inputs = [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])]
        try:
            self.client.log_inputs(run.info.run_id, inputs)
        except MlflowException:  # another machine has named it at this moment: the second time it is there
            self.client.log_inputs(run.info.run_id, inputs)


def place(run: Run, part: str = "") -> str:
    """Return where MLflow's pages show the run, or a part of it; without the query they open another view."""
    experiment, run_id = (quote(each, safe="") for each in (run.info.experiment_id, run.info.run_id))  # a server's word
    return f"#/experiments/{experiment}/runs/{run_id}{part}?workflowType=machine_learning"


def with_author(run: Run, user: str) -> str:
    """Return the names of all who have sent the run, the user among them, as MLflow's pages show them."""
    return ", ".join(dict.fromkeys([*filter(None, run.data.tags.get(USER, "").split(", ")), user]))


def dataset_key(start: Start) -> tuple[str, str]:
    """Return the name and the digest by which MLflow knows the text."""
    return in_line(Path(start.params.prepare.text).stem)[:500], start.text_sha256[:DIGEST]


def shown(params: Params) -> dict[str, str]:
    """Return the params by dotted name, as MLflow shows them."""
    return {name: in_line(as_yaml(value)) for name, value in flat_of(params).items()}


def milliseconds(seconds: float | None) -> int | None:
    """Return how MLflow writes a time that is given in seconds since 1970."""
    return None if seconds is None else round(seconds * 1000)


def number_of(run: Run) -> int:
    """Return which of its experiment's runs it is, from 0."""
    number = run.data.tags[KEY].partition(":")[2]
    return int(number) if number.isdecimal() else 0


def _with_room(text: str) -> str:
    return text if len(text) <= ROOM else text[:ROOM].rpartition("\n")[0] or text[:ROOM]


def _checked(name: str) -> str:
    """Return the name. Raises ValueError where MLflow's pages could not show it: MLflow takes a line end, for one."""
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a metric or a tag")
    return name


@contextmanager
def connected() -> Iterator[Store]:
    """Give the store, for whoever has to be alone in it. Raises Unavailable, with the reason, if that fails."""
    store = None
    try:
        with turn():
            store = Store()
            store.connect()
            yield store
    except CharloomError:
        raise
    except Exception as error:  # noqa: BLE001  a database's driver has exceptions of its own
        raise Unavailable(first_line(error, store.about if store else "")) from None
