"""A lock for an experiment or a study across machines, built from tags of the MLflow experiment.

MLflow has no compare-and-set. However, each sender can write its own tag and read all tags, which is sufficient for
Lamport's one-bit algorithm: a sender sets its tag, then reads all tags. If two senders do so at once, the sender with
the smaller tag keeps its tag and waits. The other sender removes its tag until no other tag is left.

A tag names its process and an expiry time, because a killed process leaves its tag. A tag is ignored if its process on
this machine has ended or its time has expired. A malformed tag is ignored with a warning. One fault remains possible:
two senders hold the lock if a machine was suspended until its tag expired, or if a clock is wrong by more than
CLOCK_TOLERANCE.
"""

import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from uuid import uuid4

from mlflow.exceptions import MlflowException

from charloom.base.errors import Unavailable
from charloom.base.terminal import in_line, warn_once
from charloom.results.machine import process, process_ended
from charloom.tracking import tag
from charloom.tracking.limits import LIMIT, note_progress
from charloom.tracking.reasons import UNKNOWN_ENDPOINT
from charloom.tracking.store import Store

LOCK_TIMEOUT = 30  # seconds
POLL_INTERVAL = 1.0  # seconds
CLOCK_TOLERANCE = 60  # seconds
EXPIRED = "0"  # expiry time of a tag that its sender has released


@contextmanager
def experiment_lock(store: Store, experiment: str) -> Iterator[None]:
    """Hold the lock of an experiment key or study, in the MLflow experiment that the store uses.

    experiment  the experiment key, or the key of the study's question

    A sender needs the lock to complete a run of this key, but not to create a live run or to send its points. Raises
    Unavailable if other senders hold the lock for LOCK_TIMEOUT seconds.
    """
    prefix = f"{tag.SENDING}.{experiment}."
    own_key, remaining = f"{prefix}{uuid4().hex}", max(0.0, LIMIT.end - time.monotonic())
    set_tag = partial(store.client.set_experiment_tag, store.experiment_id, own_key)
    sender = f"{platform.node()} {process()}"
    value = f"{sender} {time.time() + remaining + CLOCK_TOLERANCE:.0f}"
    deadline = time.monotonic() + LOCK_TIMEOUT

    def remove() -> None:
        """Remove our tag. If the server cannot remove tags (MLflow before 3), mark the tag as expired."""
        try:
            store.client.delete_experiment_tag(store.experiment_id, own_key)
        except MlflowException as error:
            if error.error_code != UNKNOWN_ENDPOINT:
                raise
            set_tag(f"{sender} {EXPIRED}")

    try:
        set_tag(value)
        while others := _other_senders(store, prefix, own_key):
            if min(others) < own_key:
                remove()
                while others:
                    _wait_for(others, deadline)
                    others = _other_senders(store, prefix, own_key)
                set_tag(value)
            else:
                _wait_for(others, deadline)
        yield
    finally:
        with suppress(MlflowException):  # already removed, or the server is down; then the tag holds until it expires
            remove()


def _other_senders(store: Store, prefix: str, own_key: str) -> dict[str, str]:
    """Return the hosts of the other senders that hold or request the lock, by the names of their tags.

    prefix  begins the names of the tags

    Expired tags, and tags of senders on this machine that have ended, are removed and left out. Malformed tags and tags
    with the time EXPIRED are left out.
    """
    hosts = {}
    for key, value in store.client.get_experiment(store.experiment_id).tags.items():
        if key.startswith(prefix) and key != own_key:
            host, _, rest = value.partition(" ")
            name, _, until = rest.rpartition(" ")
            if not until.isdecimal():
                warn_once(key, f"tag {in_line(key)} of {store.about} is ignored, because charloom did not write it")
            elif until == EXPIRED:
                continue
            elif process_ended(name) or float(until) < time.time():
                with suppress(MlflowException):  # another sender has removed the tag
                    store.client.delete_experiment_tag(store.experiment_id, key)
            else:
                hosts[key] = host
    return hosts


def _wait_for(others: dict[str, str], deadline: float) -> None:
    """Wait for POLL_INTERVAL. Raises Unavailable after the deadline.

    others    the hosts of the other senders, by the names of their tags
    deadline  a time of time.monotonic()
    """
    if time.monotonic() > deadline:
        hosts = in_line(", ".join(sorted(set(others.values()))))
        raise Unavailable(f"waited {LOCK_TIMEOUT:g} s for a sender on {hosts} to finish")
    note_progress()
    time.sleep(POLL_INTERVAL)
