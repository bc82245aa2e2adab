"""A question to a store, asked by a process of its own (answering.py), which may be killed."""

import json
import os
import subprocess
import sys

from charloom.base.errors import Damaged, Unavailable, WrongInput
from charloom.base.opened import SOURCES
from charloom.tracking.address import follow_folder
from charloom.tracking.reasons import first_line

RAISED = {error.exit_code: error for error in (WrongInput, Damaged)}


def asked(question: str, *arguments: str, seconds: int) -> str:
    """Return the answer to a question of answering.py. The process is ended after these seconds of silence.

    Raises WrongInput, Damaged or Unavailable, as it does there; Unavailable too if the process ends in another way.
    """
    follow_folder()  # here, so that its line is heard
    command = [sys.executable, "-P", "-m", "charloom.tracking.answering", str(seconds), question]
    done = subprocess.run(
        command, input=json.dumps(arguments), capture_output=True, text=True, errors="replace", check=False,
        env={"MALLOC_ARENA_MAX": "2"} | os.environ | {"PYTHONPATH": str(SOURCES)},
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        raise RAISED.get(done.returncode, Unavailable)(first_line(last))
    return done.stdout
