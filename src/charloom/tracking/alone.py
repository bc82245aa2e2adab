"""One sender of an experiment, or a study, at a time, on all machines: a lock made of tags of the MLflow experiment.

MLflow cannot compare and set. But each sender can have a tag of its own, which all can read, and that is enough
(Lamport's one-bit algorithm): who sends sets its tag, and then reads all of them. Of two at once the one whose tag
comes first keeps it and waits for the other, which takes its own away until nobody sends.

A tag says which process set it, and until when that one may live: a killed one leaves it. It counts no more when that
process is gone, on this machine, or that time is over. A tag in another form is passed over, and named. What remains
possible: two send at once if a machine slept in the middle of sending until its time was over, or if a clock is wrong
by more than that time.
"""

import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from mlflow.exceptions import MlflowException

from charloom.base.errors import Unavailable
from charloom.base.terminal import in_line, warn_once
from charloom.results.machine import gone, process
from charloom.tracking.limits import LIMIT, went_on
from charloom.tracking.reasons import NO_SUCH_REQUEST
from charloom.tracking.store import Store

SENDING = "charloom.sending"  # tag of the MLflow experiment: who sends runs of which experiment, or which study
OTHERS_MAY_TAKE = 30  # seconds, to send a run that we are about to send
SECONDS_BETWEEN_LOOKS = 1.0
CLOCKS_MAY_DIFFER = 60  # seconds
OVER = "0"  # time of a tag that counts no more


@contextmanager
def alone(store: Store, experiment: str) -> Iterator[None]:
    """Be the only one who makes or changes runs of the experiment, or study, of those that the store has chosen.

    Raises Unavailable if somebody else is at it for OTHERS_MAY_TAKE.
    """
    mine, left = f"{SENDING}.{experiment}.{uuid4().hex}", max(0.0, LIMIT.end - time.monotonic())
    ask = store.client.set_experiment_tag
    value = f"{platform.node()} {process()} {time.time() + left + CLOCKS_MAY_DIFFER:.0f}"
    over = time.monotonic() + OTHERS_MAY_TAKE
    try:
        ask(store.experiment_id, mine, value)
        while others := senders(store, experiment, mine):
            if min(others) < mine:
                _take_back(store, mine)
                while others:
                    _wait(others, over)
                    others = senders(store, experiment, mine)
                ask(store.experiment_id, mine, value)
            else:
                _wait(others, over)
        yield
    finally:
        with suppress(MlflowException):  # it is away already, or the server is; then it counts until we are gone
            _take_back(store, mine)


def _take_back(store: Store, tag: str) -> None:
    """Remove the tag. A server that cannot remove tags (MLflow before 3) gets it with a time that is over."""
    try:
        store.client.delete_experiment_tag(store.experiment_id, tag)
    except MlflowException as error:
        if error.error_code != NO_SUCH_REQUEST:
            raise
        store.client.set_experiment_tag(store.experiment_id, tag, f"{platform.node()} {process()} {OVER}")


def senders(store: Store, experiment: str, mine: str = "") -> dict[str, str]:
    """Return on which hosts others send runs of the experiment, by tag; the tags of those that are gone are removed."""
    hosts = {}
    for tag, value in store.client.get_experiment(store.experiment_id).tags.items():
        if tag.startswith(f"{SENDING}.{experiment}.") and tag != mine:
            host, _, rest = value.partition(" ")
            name, _, until = rest.rpartition(" ")
            if not until.isdecimal():
                warn_once(tag, f"tag {in_line(tag)} of {store.about}: not one of charloom's: passed over")
            elif until == OVER:
                continue
            elif gone(name) or float(until) < time.time():
                with suppress(MlflowException):  # somebody else has
                    store.client.delete_experiment_tag(store.experiment_id, tag)
            else:
                hosts[tag] = host
    return hosts


def _wait(others: dict[str, str], over: float) -> None:
    """Wait for a moment. Raises Unavailable where that has lasted too long."""
    if time.monotonic() > over:
        hosts = in_line(", ".join(sorted(set(others.values()))))
        raise Unavailable(f"another process, on {hosts}, has been sending it for over {OTHERS_MAY_TAKE:g} s")
    went_on()
    time.sleep(SECONDS_BETWEEN_LOOKS)
