"""Queries to a store. Each query runs in a subprocess (answering.py), which can be killed."""

import json
import os
import subprocess
import sys

from charloom.base.errors import Damaged, Unavailable, WrongInput
from charloom.base.opened import SOURCES
from charloom.tracking.address import relocate_store
from charloom.tracking.reasons import first_line

RAISED = {error.exit_code: error for error in (WrongInput, Damaged)}


def asked(question: str, *arguments: str, seconds: int) -> str:
    """Run a function of answering.QUESTIONS in a subprocess; return the function's output.

    question   name of the function
    arguments  the function's arguments
    seconds    longest time without progress; the whole query may take TOTAL_FACTOR (see limits.py) times as long

    Raises the WrongInput, Damaged or Unavailable that the function raises, and Unavailable if the subprocess fails in
    another way.
    """
    relocate_store()  # in this process, because the subprocess's standard error is captured
    command = [sys.executable, "-P", "-m", "charloom.tracking.answering", str(seconds), question]
    process = subprocess.run(
        command, input=json.dumps(arguments), capture_output=True, text=True, errors="replace", check=False,
        env={"MALLOC_ARENA_MAX": "2"} | os.environ | {"PYTHONPATH": str(SOURCES)},
    )  # fmt: skip
    if process.returncode:
        last = (process.stderr.strip().splitlines() or [f"exit {process.returncode}"])[-1]
        raise RAISED.get(process.returncode, Unavailable)(first_line(last))
    return process.stdout
