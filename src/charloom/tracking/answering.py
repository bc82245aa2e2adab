"""The process that asks a store something for a command: see asking.py.

python -m charloom.tracking.answering SECONDS QUESTION    (its arguments come by standard input, as JSON)
"""

import json
import os
import sys

from charloom.settings.entry import run_command
from charloom.tracking.doctor import ask_remote, ask_store
from charloom.tracking.fetching import fetch
from charloom.tracking.limits import limit_memory, limited
from charloom.tracking.our_experiments import print_experiments

QUESTIONS = {each.__name__: each for each in (ask_remote, ask_store, fetch, print_experiments)}


def main() -> None:
    """Answer on standard output."""
    seconds, question = sys.argv[1:]
    limit_memory()
    if given := sys.stdin.read():  # else whoever began this is gone
        with limited(int(seconds)):
            QUESTIONS[question](*json.loads(given))


if __name__ == "__main__":
    run_command(main, os._exit)  # at once: to tidy up MLflow takes most of a second
