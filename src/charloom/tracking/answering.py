"""The process that queries a store for a command: see asking.py.

python -m charloom.tracking.answering SECONDS QUESTION

QUESTION is a key of QUESTIONS, SECONDS the longest time without progress. Standard input has the question's arguments,
a list in JSON.
"""

import json
import os
import sys

from charloom.settings.entry import run_command
from charloom.tracking.describing import describe
from charloom.tracking.doctor import ask_remote, ask_store
from charloom.tracking.fetching import fetch
from charloom.tracking.limits import limit_memory, time_limit
from charloom.tracking.our_experiments import print_experiments

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
