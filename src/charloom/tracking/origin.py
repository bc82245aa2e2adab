"""The origin of a run in MLflow, as its tags, params and artifacts describe it."""

from typing import Annotated, Literal

from pydantic import Field

from charloom.results.records import Record

PATCH = "uncommitted.diff"  # the artifact with the uncommitted changes
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Origin(Record):
    """The origin and the results of a complete run. All values come from the store, so none of them is trusted.

    experiment   the experiment key
    results      the hash of weights and trace
    text_sha256  the SHA-256 of the text
    commit       the hash of the commit on which the run's code is based
    uncommitted  `true` if the code had uncommitted changes
    name         the run's name in MLflow
    user         the names of the users who sent the run
    params       all params as texts, by dotted name
    metrics      the last value of each metric, by name; values that are not finite are left out
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
