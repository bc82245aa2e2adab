"""The MLflow store: an MLflow experiment for each text, and what a run is made of.

What is trained on different texts cannot be compared, so it lies apart. A run is found by the key of its experiment,
so that training, tracking, a queue and a repetition all meet the same one. MLflow cannot take a point back: whoever
sends points asks first which are there.
"""

import json
import os
import re
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, urlsplit

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Experiment, ExperimentTag, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.db import utils as databases
from mlflow.utils import get_results_from_paginated_fn as all_pages

from charloom.base.errors import CharloomError, Unavailable
from charloom.base.terminal import in_line, visible
from charloom.results.git import author, known
from charloom.results.machine import gone, process
from charloom.results.records import TextMetrics
from charloom.settings.params import Params, as_yaml, flat_of
from charloom.tracking.address import address, artifacts, turn
from charloom.tracking.apart import SETTINGS, first_line, went_on
from charloom.tracking.artifacts import ensure_allowed
from charloom.tracking.contents import RunContents, Series, Times
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
PROCESS = "charloom.process"  # tag: who is at work on the run
ENDED = {"FINISHED", "FAILED"}  # states of runs
RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"  # __init__.py has set it
PAGE = 1000  # things, or points, in a request
ROOM = 8000  # characters of a tag: MLflow cuts a longer one without a word
DIGEST = 36  # characters of a dataset's digest that MLflow keeps
NAME = re.compile(r"[A-Za-z0-9_.]+")
FAILED = re.compile(r"error code 5\d\d|too many 5\d\d")  # of a server that answers, whose database is away
OUTAGE = 1.5  # seconds, after which a database that is started again may be there


class Store:
    """charloom's experiments in the store at `address`. Everything raises MlflowException where that fails.

    histories  by run and metric what this process has sent, or asked for once; of a run that it made it knows all
    """

    histories: ClassVar[dict[str, dict[str, dict[int, Metric]]]] = {}

    def __init__(self) -> None:
        """Take the address; nothing is asked of the store yet."""
        self.uri = address()
        self.remote = urlsplit(self.uri).scheme in {"http", "https"}
        self.about = ""  # what a refusal is about
        self.made = set[str]()  # the runs that we have made, by their ids

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
                found = self._experiments(f"tags.`{TEXT}` LIKE '%'")
            except MlflowException as error:
                if not FAILED.search(str(error)):
                    raise
                time.sleep(OUTAGE)
                found = self._experiments(f"tags.`{TEXT}` LIKE '%'")
        finally:
            os.environ[RETRIES] = retries
        self.experiments = {each.tags.get(TEXT, ""): each for each in found}

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
        found = self.search(f"tags.`{KEY}` LIKE '{experiment}%'")
        return sorted(found, key=_number)

    def new_run(self, experiment: str, others: list[Run], name: str, started: float | None) -> Run:
        """Make a run of the experiment beside the others, for who is alone in it.

        started  in seconds since 1970
        """
        key = f"{experiment}:{_number(others[-1]) + 1}" if others else experiment
        run = self.make(name, {KEY: key, PROCESS: process()}, started)
        ensure_allowed(run.info.artifact_uri, self.uri)
        return run

    def make(self, name: str, tags: dict[str, str], started: float | None = None) -> Run:
        """Make a run, begun at this moment or then, in seconds since 1970."""
        start = milliseconds(started)
        run = self.client.create_run(self.experiment_id, start_time=start, tags=tags | {USER: self.user}, run_name=name)
        self.made.add(run.info.run_id)
        self.histories[run.info.run_id] = defaultdict(dict)
        return run

    def close(self, run: Run, status: str, ended: float | None) -> None:
        """Say that the run has ended, and when, in seconds since 1970."""
        self.client.set_terminated(run.info.run_id, status, milliseconds(ended))

    def close_dead(self) -> None:
        """Close the runs whose processes on this host have ended without closing them."""
        everywhere = [each.experiment_id for each in self.experiments.values()]
        for run in self.search("attributes.status = 'RUNNING'", everywhere) if everywhere else ():
            if gone(run.data.tags.get(PROCESS, "")):
                self.close(run, "KILLED", None)

    def history(self, run: Run, name: str) -> dict[int, Metric]:
        """Return the metric's points in the store, by update; asked anew where the run has later ones than known."""
        known = self.histories.setdefault(run.info.run_id, {})
        latest = {each.key: (each.step, each.timestamp) for each in run.data._metric_objs}
        if any(
            known.get(key) and max((p.step, p.timestamp) for p in known[key].values()) < at
            for key, at in latest.items()
        ):
            self.histories[run.info.run_id] = known = {}  # somebody else has sent points since
        with suppress(KeyError):
            return known[name]
        known[name] = {each.step: each for each in self.client.get_metric_history(run.info.run_id, name)}
        return known[name]

    def time_of(self, run: Run, name: str, step: int) -> int:
        """Return when the metric's point was made, in milliseconds since 1970; else when the run began."""
        point = self.history(run, name).get(step)
        return int(point.timestamp if point else run.info.start_time)

    def points(self, run: Run, name: str) -> dict[int, float]:
        """Return the metric's values in the store, by update."""
        return {step: each.value for step, each in self.history(run, name).items()}

    def send(self, run: Run, series: Series, times: Times, there: Series, params: Params | None = None) -> None:
        """Send the points of each metric that are not there, each at its time, or else at the run's start.

        params  of a run that has none yet: they go with the first points
        """
        known = sorted(times)

        def when(step: int) -> int:
            """Return the time of the last update before that is known."""
            return times[known[at - 1]] if (at := bisect_right(known, step)) else run.info.start_time

        metrics = [
            Metric(_checked(name), value, when(step), step)
            for name, each in series.items()
            for step, value in each.items()
            if step not in there.get(name, {})
        ]
        said = [Param(*each) for each in shown(params).items()] if params else []
        size = PAGE - len(said)
        for first in range(0, max(len(metrics), 1), size):
            part = metrics[first : first + size]
            if not part and not said:
                return
            there_now = self.histories.pop(run.info.run_id, {})  # it is known no more where this fails
            self.client.log_batch(run.info.run_id, metrics=part, params=said)
            said = []
            for each in part:
                with suppress(KeyError):  # not asked for: not known
                    there_now[each.key][each.step] = each
            self.histories[run.info.run_id] = there_now
            went_on()

    def tag(self, run: Run, tags: dict[str, str]) -> None:
        """Set the tags; of a text that is too long, whole lines."""
        said = [RunTag(_checked(key), _with_room(visible(value))) for key, value in tags.items()]
        self.client.log_batch(run.info.run_id, tags=said)

    def name_dataset(self, run: Run, contents: RunContents, text: TextMetrics) -> None:
        """Name the text that the run was trained on."""
        source = json.dumps({"uri": in_line(contents.params.prepare.text), "sha256": text.sha256})
        profile = json.dumps(dict(leaves(text.model_dump(exclude={"sha256"}))))
        dataset = Dataset(*dataset_key(contents), "local", source, profile=profile)
        inputs = [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])]
        try:
            self.client.log_inputs(run.info.run_id, inputs)
        except MlflowException:  # another machine has named it at this moment: the second time it is there
            self.client.log_inputs(run.info.run_id, inputs)


def place(run: Run, part: str = "") -> str:
    """Return where MLflow's pages show the run, or a part of it; without the query they open another view."""
    experiment, run_id = (quote(each, safe="") for each in (run.info.experiment_id, run.info.run_id))  # a server's word
    return f"#/experiments/{experiment}/runs/{run_id}{part}?workflowType=machine_learning"


def dataset_key(contents: RunContents) -> tuple[str, str]:
    """Return the name and the digest by which MLflow knows the text."""
    return in_line(Path(contents.params.prepare.text).stem)[:500], contents.text_sha256[:DIGEST]


def shown(params: Params) -> dict[str, str]:
    """Return the params by dotted name, as MLflow shows them."""
    return {name: in_line(as_yaml(value)) for name, value in flat_of(params).items()}


def milliseconds(seconds: float | None) -> int | None:
    """Return how MLflow writes a time that is given in seconds since 1970."""
    return None if seconds is None else round(seconds * 1000)


def _number(run: Run) -> int:
    """Return which of its experiment's runs it is, from 0."""
    return int(run.data.tags[KEY].partition(":")[2] or 0)


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
