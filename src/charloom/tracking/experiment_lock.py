"""A lock for an experiment or a study across machines, built from tags of the MLflow experiment.

MLflow has no compare-and-set. However, each sender can write its own tag and read all tags: a sender sets its tag, then
reads all tags, and holds the lock if no other sender has a tag. If two senders set their tags at once, both may give
up, but at most one holds the lock. Nobody waits for the lock: a sender tries the entry again later.

A tag names its process and an expiry time, because a killed process leaves its tag. A tag does not count if its process
on this machine has ended or its time has expired. One fault remains possible: two senders hold the lock if a machine
was suspended until its tag expired, or if a clock is wrong by more than CLOCK_TOLERANCE.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from mlflow.exceptions import MlflowException

from charloom.base.errors import Unavailable
from charloom.results.machine import process, process_ended
from charloom.tracking import tag
from charloom.tracking.limits import LIMIT
from charloom.tracking.reasons import UNKNOWN_ENDPOINT
from charloom.tracking.store import Store

CLOCK_TOLERANCE = 60  # seconds


class Busy(Unavailable):
    """Another sender holds the lock of this experiment or study, or requests it at the same time."""


@contextmanager
def experiment_lock(store: Store, experiment: str) -> Iterator[None]:
    """Hold the lock of an experiment key or study, in the MLflow experiment that the store uses.

    experiment  the experiment key, or the key of the study's question

    A sender needs the lock to complete a run of this key, but not to create a live run or to send its points. Raises
    Busy if another sender has a tag.
    """
    prefix = f"{tag.SENDING}.{experiment}."
    own_key, remaining = f"{prefix}{uuid4().hex}", max(0.0, LIMIT.end - time.monotonic())
    until = f"{time.time() + remaining + CLOCK_TOLERANCE:.0f}"
    try:
        store.client.set_experiment_tag(store.experiment_id, own_key, f"{process()} {until}")
        if _is_requested(store, prefix, own_key):
            raise Busy("another sender sends the same experiment at this moment")
        yield
    finally:
        with suppress(MlflowException):  # the server is down; then the tag holds until it expires
            try:
                store.client.delete_experiment_tag(store.experiment_id, own_key)
            except MlflowException as error:
                if error.error_code == UNKNOWN_ENDPOINT:  # MLflow before 3
                    store.client.set_experiment_tag(store.experiment_id, own_key, "0")  # an expiry time of the past


def _is_requested(store: Store, prefix: str, own_key: str) -> bool:
    """Return whether another sender holds or requests the lock.

    prefix  begins the names of the tags

    A tag does not count if it has expired, is malformed, or its process on this machine has ended. Such a tag is
    removed.
    """
    requested = False
    for key, value in store.client.get_experiment(store.experiment_id).tags.items():
        if key.startswith(prefix) and key != own_key:
            name, _, until = value.rpartition(" ")
            if until.isdecimal() and float(until) > time.time() and not process_ended(name):
                requested = True
            else:
                with suppress(MlflowException):  # another sender has removed the tag
                    store.client.delete_experiment_tag(store.experiment_id, key)
    return requested
