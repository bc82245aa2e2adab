"""The lock of an experiment key or of a study's question, across machines.

MLflow has no compare-and-set, so the lock works with tags of the MLflow experiment, one for each sender that requests
the lock (Lamport's one-bit algorithm). A sender sets its tag and reads all tags. If another tag has a lower name, the
sender removes its own and tries again later. Otherwise it waits until each tag that it has read was removed or set
again, and then holds the lock: a sender that sets its tag later reads this one. So at most one sender holds the lock,
and of several at once one gets it. A tag's value names its process and an expiry time: if the process on this machine
has ended or the time is over, the tag does not count. One fault remains possible: two senders hold the lock if a
machine was suspended until its tag expired, or if a clock is wrong by more than CLOCK_TOLERANCE.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mlflow.exceptions import MlflowException

from charloom.core.base.errors import Unavailable
from charloom.core.runtime.provenance import process, process_ended
from charloom.tracking import tag
from charloom.tracking.limits import LIMIT
from charloom.tracking.store import Store

CLOCK_TOLERANCE = 60  # seconds
WAIT, POLL_INTERVAL = 5.0, 0.3  # seconds
RELEASED = "0"  # an expiry time of the past: MLflow before 3 removes no tags of experiments


class Busy(Unavailable):
    """Another sender holds the lock of this experiment or study, or requests it at the same time."""


@contextmanager
def experiment_lock(store: Store, experiment: str) -> Iterator[None]:
    """Hold the lock of an experiment key, or of a study's question, in the MLflow experiment that the store uses.

    A sender needs the lock to create or complete a run, but not to send points. Raises Busy if another sender comes
    first, or holds the lock for longer than WAIT seconds, and, without a request, if another sender had a tag when the
    store was connected.
    """
    prefix, remaining = f"{tag.SENDING}.{experiment}.", max(0.0, LIMIT.end - time.monotonic())
    own_key, until = f"{prefix}{store.sender}", f"{time.time() + remaining + CLOCK_TOLERANCE:.0f}"
    end = time.monotonic() + WAIT
    if any(key.startswith(prefix) and key != own_key and _counts(value) for key, value in store.tags.items()):
        raise Busy
    try:
        store.client.set_experiment_tag(store.experiment_id, own_key, f"{process()} {until}")
        awaited = _others(store, prefix, own_key)
        while awaited:
            if min(awaited)[0] < own_key or time.monotonic() > end:
                raise Busy
            time.sleep(POLL_INTERVAL)
            awaited &= _others(store, prefix, own_key)
        yield
    finally:
        with suppress(MlflowException):  # the server is down; then the tag holds until it expires
            try:
                store.client.delete_experiment_tag(store.experiment_id, own_key)
            except MlflowException as error:
                if error.error_code == "ENDPOINT_NOT_FOUND":  # MLflow before 3
                    store.client.set_experiment_tag(store.experiment_id, own_key, RELEASED)


def _others(store: Store, prefix: str, own_key: str) -> set[tuple[str, str]]:
    """Return the tags of other senders that count, as names and values.

    A tag that does not count stays, because its sender may set it again at the moment when another removes it.
    """
    tags = store.client.get_experiment(store.experiment_id).tags.items()
    return {(key, value) for key, value in tags if key.startswith(prefix) and key != own_key and _counts(value)}


def _counts(value: str) -> bool:
    """Return whether a lock's tag with this value counts: it is well-formed, and its sender may still be at work."""
    name, _, until = value.rpartition(" ")
    return until.isdecimal() and float(until) > time.time() and not process_ended(name)
