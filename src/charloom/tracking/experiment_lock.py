"""The lock of an experiment key or of a study's question, across machines.

MLflow has no compare-and-set, so the lock works with tags of the MLflow experiment. A sender sets a tag of its own,
reads all tags, and holds the lock if no other sender has a tag. If two senders do so at once, both may give up, and try
the entry again later, but at most one holds the lock. A tag names its process and an expiry time: if the process on
this machine has ended or the time is over, the tag does not count. One fault remains possible: two senders hold the
lock if a machine was suspended until its tag expired, or if a clock is wrong by more than CLOCK_TOLERANCE.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from mlflow.exceptions import MlflowException

from charloom.core.base.errors import Unavailable
from charloom.core.runtime.provenance import process, process_ended
from charloom.tracking import tag
from charloom.tracking.limits import LIMIT
from charloom.tracking.store import Store

CLOCK_TOLERANCE = 60  # seconds


class Busy(Unavailable):
    """Another sender holds the lock of this experiment or study, or requests it at the same time."""


@contextmanager
def experiment_lock(store: Store, experiment: str) -> Iterator[None]:
    """Hold the lock of an experiment key, or of a study's question, in the MLflow experiment that the store uses.

    A sender needs the lock to complete a run, but not to create a live run or to send its points. A tag of a sender
    that is gone is removed. Raises Busy if another sender holds or requests the lock.
    """
    prefix = f"{tag.SENDING}.{experiment}."
    own_key, remaining = f"{prefix}{uuid4().hex}", max(0.0, LIMIT.end - time.monotonic())
    until = f"{time.time() + remaining + CLOCK_TOLERANCE:.0f}"
    try:
        store.client.set_experiment_tag(store.experiment_id, own_key, f"{process()} {until}")
        tags = store.client.get_experiment(store.experiment_id).tags
        others = {key: value for key, value in tags.items() if key.startswith(prefix) and key != own_key}
        for gone in (key for key, value in others.items() if not _counts(value)):
            with suppress(MlflowException):  # another sender has removed the tag
                store.client.delete_experiment_tag(store.experiment_id, gone)
        if any(map(_counts, others.values())):
            raise Busy("another sender sends the same experiment at this moment")
        yield
    finally:
        with suppress(MlflowException):  # the server is down; then the tag holds until it expires
            try:
                store.client.delete_experiment_tag(store.experiment_id, own_key)
            except MlflowException as error:
                if error.error_code == "ENDPOINT_NOT_FOUND":  # MLflow before 3
                    store.client.set_experiment_tag(store.experiment_id, own_key, "0")  # an expiry time of the past


def _counts(value: str) -> bool:
    """Return whether a lock's tag with this value counts: it is well-formed, and its sender may still be at work."""
    name, _, until = value.rpartition(" ")
    return until.isdecimal() and float(until) > time.time() and not process_ended(name)
