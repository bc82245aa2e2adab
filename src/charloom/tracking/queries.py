"""Queries to an MLflow store, and the class Origin, the answer to the query `describe`.

Each query runs in a process of its own (query_process.py), which can be killed.
"""

import os
import re
from importlib import import_module
from multiprocessing import TimeoutError as Timeout
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from charloom.core.base.errors import CharloomError, Unavailable, WrongInput
from charloom.core.base.git import git
from charloom.core.base.sources import safe_path
from charloom.core.config.records import Schema
from charloom.tracking import tag
from charloom.tracking.address import relocate_store
from charloom.tracking.limits import limit_memory
from charloom.tracking.reasons import first_line

PATCH = "uncommitted.diff"  # the artifact with the uncommitted changes
RUN = re.compile(r"(?:.*/runs/)?([0-9a-f]{32})(?:[/?#].*)?", re.DOTALL)  # a run's id, or its page's address
DIGEST = "^[0-9a-f]{64}$"  # SHA-256
QUERY_TIMEOUT = 45  # seconds; then the process of the query is killed


class Origin(Schema, extra="ignore"):
    """The origin and the results of a complete run. All values come from the store, so each one is checked.

    A field with an alias is a tag of the run.

    experiment   the experiment key: see keys.experiment_key
    results      the hash of weights and trace
    text_sha256  the SHA-256 of the text
    commit       the hash of the commit on which the run's code is based
    uncommitted  `true` or `params.yaml` if the code or only the params had uncommitted changes; earlier versions wrote
                 `false` for params.yaml, too
    network      digest of network/, or "": see records.ResultsRecord
    user         the names of the users who sent the run
    name         the run's name in MLflow
    params       all params as texts, by dotted name
    history      the values of each metric by update, by name
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
    history: dict[str, dict[str, float]]


def origin_of(run_id: str, folder: Path) -> Origin:
    """Return the origin of the run, and write its artifacts into the folder.

    Raises as `query` does, and WrongInput if this repository does not have the run's commit.
    """
    origin: Origin = query("describe", run_id, str(folder))
    if not git("rev-parse", "--verify", "--quiet", f"{origin.commit}^{{commit}}", empty=1):
        what = f"commit {origin.commit[:12]} is not in this repository"
        raise WrongInput(f"{what}: `git fetch` brings it from the clone that has it")
    return origin


def query(question: str, *arguments: str) -> Any:
    """Call a function of query_process.py in another process; return the function's result.

    question   name of the function
    arguments  the function's arguments

    Raises the CharloomError that the function raises, and Unavailable if it fails in another way.
    """
    relocate_store()  # in this process, because the other one prints nothing
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")  # as for the sender
    with safe_path(), get_context("spawn").Pool(1) as pool:  # the end of the block kills the process
        try:
            return pool.apply_async(_answer, (question, arguments)).get(QUERY_TIMEOUT)
        except Timeout:
            raise Unavailable(f"no answer within {QUERY_TIMEOUT} s") from None
        except Exception as error:  # noqa: BLE001  libraries raise exceptions of their own
            raise (error if isinstance(error, CharloomError) else Unavailable(first_line(error))) from None


def _answer(question: str, arguments: tuple[str, ...]) -> Any:
    for stream in (1, 2):  # MLflow and its libraries would print
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    query_process = import_module("charloom.tracking.query_process")  # MLflow's import takes seconds
    limit_memory()
    return getattr(query_process, question)(*arguments)
