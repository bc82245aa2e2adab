"""The process that queries a store for a command: see asking.py.

python -m charloom.tracking.answering SECONDS QUESTION

QUESTION is a key of QUESTIONS, SECONDS the longest time without progress. Standard input has the question's arguments,
a list in JSON.
"""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from mlflow.exceptions import MlflowException

from charloom.base.storage import sha256
from charloom.settings.entry import run_command
from charloom.settings.params import read_params
from charloom.tracking.describing import describe
from charloom.tracking.doctor import ask_remote, ask_store
from charloom.tracking.fetching import fetch
from charloom.tracking.limits import limit_memory, time_limit
from charloom.tracking.store import connected
from charloom.tracking.view import STUDIES_TAGS, TAGS


def print_experiments() -> None:
    """Print the ids of two MLflow experiments: of the runs on this folder's text, and of the studies.

    Each id is a line, quoted for a URL; the line is empty if the experiment is missing. In a store that is no server,
    views from an earlier version are updated. Raises WrongInput if params.yaml is invalid, and Unavailable if the store
    cannot be used.
    """
    with connected() as store:
        text = Path(read_params().prepare.text)
        runs = store.experiments.get(sha256(text) if text.is_file() else "")
        for experiment, tags in ((runs, TAGS), (store.studies_experiment(), STUDIES_TAGS)):
            if experiment and not store.remote:
                with suppress(MlflowException):  # a read-only store keeps its views
                    store.use_experiment(experiment, {tag: view for tag, view in tags.items() if "View" in tag})
            print(quote(str(experiment.experiment_id)[:100], safe="") if experiment else "")


QUESTIONS = {question.__name__: question for question in (ask_remote, ask_store, describe, fetch, print_experiments)}


def main() -> None:
    """Print the answer to the question to standard output. Do nothing if standard input is empty."""
    seconds, question = sys.argv[1:]
    limit_memory()
    if arguments := sys.stdin.read():  # empty if the parent has ended
        with time_limit(int(seconds)):
            QUESTIONS[question](*json.loads(arguments))


if __name__ == "__main__":
    run_command(main, os._exit)  # without MLflow's cleanup, which takes most of a second
