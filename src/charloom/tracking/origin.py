"""The origin of a run in MLflow, as its tags, params and artifacts describe it."""

from typing import Annotated, Literal

from pydantic import Field

from charloom.results.records import Record

PATCH = "uncommitted.diff"  # the artifact with the uncommitted changes
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Origin(Record):
    """The origin and the results of a complete run. Everything comes from the store, so nothing here is trusted.

    experiment   the experiment key
    results      the hash of weights and trace
    commit       the commit on which the run's code is based
    uncommitted  whether the code had uncommitted changes
    params       all params as texts, by dotted name
    metrics      the last value of each metric, if it is finite
    hashes       DVC's hashes of all inputs and outputs by path; empty if the run has no dvc.lock
    """

    experiment: Digest
    results: Digest
    text_sha256: Digest
    commit: Annotated[str, Field(pattern="^[0-9a-f]{40}$")]
    uncommitted: Literal["true", "false"]
    name: str
    user: str
    params: dict[str, str]
    metrics: dict[str, float]
    hashes: dict[str, str]
