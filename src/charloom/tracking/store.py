"""The MLflow store: one MLflow experiment for each text, because runs on different texts cannot be compared."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unicodedata import normalize
from urllib.parse import quote, urlsplit

from mlflow import MlflowClient, set_tracking_uri
from mlflow.entities import Experiment, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.db import utils as databases

from charloom.core.base.errors import CharloomError, Unavailable
from charloom.core.base.git import or_unknown
from charloom.core.base.terminal import visible
from charloom.core.base.words import in_line
from charloom.results.git import author
from charloom.tracking import tag
from charloom.tracking.address import address, artifacts, create_database, page_address
from charloom.tracking.limits import note_progress
from charloom.tracking.reasons import first_line

databases.MAX_RETRY_COUNT = 1  # report an unusable database immediately, not after two minutes of retries

TAG_LENGTH = 5000  # characters of a tag: MLflow 2.10 refuses a longer one, later versions truncate it


class Store:
    """charloom's MLflow experiments in the store at `address`. The methods raise MlflowException if a request fails.

    uri          the store's address, with the login
    remote       whether the store is a server
    user         the user's name: the login name for the store or Git's author, without HTML's special characters
    client       MLflow's client
    experiments  charloom's experiments by the text's SHA-256, or tag.ALL_STUDIES; of several experiments, the oldest
    """

    def __init__(self) -> None:
        """Create a missing SQLite database, connect, and read charloom's experiments."""
        create_database()
        self.uri, self.remote = address(), bool(page_address())
        user = os.environ.get("MLFLOW_TRACKING_USERNAME") or or_unknown(author)
        self.user = re.sub(r"[^\w .@+-]", "", in_line(user))[:80]
        set_tracking_uri(self.uri)  # otherwise MLflow searches its default store for models
        self.client = MlflowClient(self.uri)
        order = ["creation_time DESC", "experiment_id DESC"]  # the oldest is the last in the dict
        ours = self.client.search_experiments(filter_string=f"tags.`{tag.TEXT}` LIKE '%'", order_by=order)
        self.experiments = {experiment.tags.get(tag.TEXT, ""): experiment for experiment in ours}

    def where_shown(self, run: Run) -> str:
        """Return the address of the run's page on a server; for a database, the command that shows the run."""
        return f"{page_address()}/{run_page(run)}" if self.remote else "`make ui` shows it"

    def experiment(self, key: str, source: str) -> Experiment:
        """Return the experiment with this key: a text's SHA-256, or tag.ALL_STUDIES. Create a missing one.

        source  the text's file, which gives the experiment its name; for a second text with the same file name, the
                first digits of its SHA-256 are added

        Tags that are missing or differ, such as the description and the view of MLflow's page, are set.
        """
        studies = key == tag.ALL_STUDIES
        name = "charloom" + (f": {key}" if studies else f" {normalize('NFC', in_line(Path(source).stem))[:200]}")
        tags = {tag.TEXT: key} | (tag.STUDIES_TAGS if studies else tag.TEXT_TAGS)
        experiment = self.experiments.get(key) or self._experiment(name, tags)
        if experiment.tags.get(tag.TEXT, key) != key:
            experiment = self._experiment(f"{name} {key[:8]}", tags)
        for tag_name, value in tags.items():
            if experiment.tags.get(tag_name) != value:
                self.client.set_experiment_tag(experiment.experiment_id, tag_name, value)
        return experiment

    def _experiment(self, name: str, tags: dict[str, str]) -> Experiment:
        """Return the experiment with this name. If there is none, create one with `tags`."""
        if known := self.client.get_experiment_by_name(name):
            return known
        location = None if self.remote else artifacts()
        return self.client.get_experiment(self.client.create_experiment(name, location, tags | {tag.NAME: name}))

    def search(self, experiment: Experiment, condition: str) -> list[Run]:
        """Return the experiment's runs that fulfil the condition, in MLflow's syntax, oldest first."""
        order = ["attributes.start_time ASC", "attributes.run_id ASC"]
        return list(self.client.search_runs([experiment.experiment_id], condition, order_by=order))

    def create_run(self, experiment: Experiment, name: str, tags: dict[str, str], started: float) -> Run:
        """Create a run that started at this time, in seconds since 1970."""
        return self.client.create_run(
            experiment.experiment_id, round(1000 * started), tags | {tag.USER: self.user}, name
        )

    def set_tags(self, run: Run, tags: dict[str, str]) -> None:
        """Set the run's tags. A value longer than TAG_LENGTH is truncated."""
        values = [RunTag(key, visible(value)[:TAG_LENGTH]) for key, value in tags.items()]
        self.client.log_batch(run.info.run_id, tags=values)

    def upload(self, folder: Path, uri: str) -> None:
        """Upload all files in the folder and below to the artifact address `uri`.

        Raises MlflowException if a server names a folder of this machine: it was started without proxied artifacts.
        """
        if self.remote and urlsplit(uri).scheme in {"", "file"}:
            raise MlflowException(f"the server names the folder {uri!r} for artifacts: start it with --serve-artifacts")
        repository = get_artifact_repository(uri, tracking_uri=self.uri)  # the client would ask for the address again
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            below = file.parent.relative_to(folder)
            repository.log_artifact(str(file), None if below == Path() else str(below))  # type: ignore[no-untyped-call]  # MLflow's own
            note_progress()


def run_page(run: Run, part: str = "") -> str:
    """Return the path of the run's page in MLflow, relative to the address of MLflow's pages.

    part  a part of the page, such as `/artifacts/report.html`

    The query in the path selects MLflow's pages for machine learning.
    """
    # The ids come from the server, so they are quoted.
    experiment, run_id = (quote(number, safe="") for number in (run.info.experiment_id, run.info.run_id))
    return f"#/experiments/{experiment}/runs/{run_id}{part}?workflowType=machine_learning"


@contextmanager
def connected() -> Iterator[Store]:
    """Yield the connected store. An exception, unless it is a CharloomError, becomes Unavailable with the reason."""
    try:
        yield Store()
    except CharloomError:
        raise
    except Exception as error:  # database drivers raise exceptions of their own
        raise Unavailable(first_line(error)) from error
