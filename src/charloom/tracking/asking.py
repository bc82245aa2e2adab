"""Queries to a store, and the Origin of a run, the answer to one of them.

Each query runs in a subprocess (answering.py), which can be killed.
"""

import os
import subprocess
import sys
from typing import Annotated, Literal

from pydantic import Field

from charloom.core.base.errors import Damaged, Unavailable, WrongInput
from charloom.core.base.sources import SOURCES
from charloom.core.settings.records import Record
from charloom.tracking import tag
from charloom.tracking.address import relocate_store
from charloom.tracking.reasons import first_line

RAISED = {error.exit_code: error for error in (WrongInput, Damaged)}
PATCH = "uncommitted.diff"  # the artifact with the uncommitted changes
HISTORY = "history.json"  # written by answering.describe: the values of each metric by update, by name
DIGEST = "^[0-9a-f]{64}$"  # SHA-256


class Origin(Record, extra="ignore"):
    """The origin and the results of a complete run. All values come from the store, so none of them is trusted.

    A field with an alias is a tag of the run.

    experiment   the experiment key
    results      the hash of weights and trace
    text_sha256  the SHA-256 of the text
    commit       the hash of the commit on which the run's code is based
    uncommitted  `true` or `params.yaml` if the code or only the params had uncommitted changes; earlier versions wrote
                 `false` for params.yaml, too
    network      see ResultsRecord
    user         the names of the users who sent the run
    name         the run's name in MLflow
    params       all params as texts, by dotted name
    """

    experiment: Annotated[str, Field(alias=tag.KEY, pattern=DIGEST)]
    results: Annotated[str, Field(alias=tag.RESULTS, pattern=DIGEST)]
    text_sha256: Annotated[str, Field(alias=tag.TEXT, pattern=DIGEST)]
    commit: Annotated[str, Field(alias=tag.COMMIT, pattern="^[0-9a-f]{40}$")]
    uncommitted: Annotated[Literal["true", "params.yaml", "false"], Field(alias=tag.UNCOMMITTED)]
    network: Annotated[str, Field(alias=tag.NETWORK, pattern="^([0-9a-f]{16})?$")] = ""
    user: Annotated[str, Field(alias=tag.USER)] = ""
    name: str
    params: dict[str, str]


def asked(question: str, *arguments: str, seconds: int) -> str:
    """Run a function of answering.QUESTIONS in a subprocess; return the function's output.

    question   name of the function
    arguments  the function's arguments
    seconds    longest time for the query; then the subprocess is killed

    Raises the WrongInput, Damaged or Unavailable that the function raises, and Unavailable if the subprocess fails in
    another way.
    """
    relocate_store()  # in this process, because the subprocess's standard error is captured
    command = [sys.executable, "-P", "-m", "charloom.tracking.answering", question, *arguments]
    try:
        process = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
            timeout=seconds, env={"MALLOC_ARENA_MAX": "2"} | os.environ | {"PYTHONPATH": str(SOURCES)},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Unavailable(f"no answer within {seconds} s") from None
    if process.returncode:
        last = (process.stderr.strip().splitlines() or [f"exit {process.returncode}"])[-1]
        raise RAISED.get(process.returncode, Unavailable)(first_line(last))
    return process.stdout
