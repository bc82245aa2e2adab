"""One sender of an experiment, or a study, at a time, on all machines: a lock made of tags of the MLflow experiment.

MLflow cannot compare and set. But each sender can have a tag of its own, which all can read, and that is enough
(Lamport's one-bit algorithm): who sends sets its tag, and then reads all of them. Of two at once the one whose tag
comes first keeps it and waits for the other, which takes its own away until nobody sends.

A tag says which process set it, and until when that one may live: a killed one leaves it. It counts no more when that
process is gone, on this host, or that time is over. What remains possible: two send at once where a machine slept in
the middle of sending until its time was over, or where a clock is wrong by more than that time; and an earlier charloom
knows no such tags.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from mlflow.exceptions import MlflowException

from charloom.base.errors import Unavailable
from charloom.base.terminal import in_line
from charloom.results.machine import gone, process
from charloom.tracking.apart import seconds_left, went_on
from charloom.tracking.store import Store

SENDING = "charloom.sending"  # tag of the MLflow experiment: who sends runs of which experiment, or which study
OTHERS_MAY_TAKE = 45  # seconds, to send a run that we are about to send
SECONDS_BETWEEN_LOOKS = 1.0
CLOCKS_MAY_DIFFER = 60  # seconds


@contextmanager
def alone(store: Store, experiment: str, others_may_take: float | None = None) -> Iterator[None]:
    """Be the only one who makes or changes runs of the experiment, or study, of those that the store has chosen.

    Raises Unavailable where somebody else is at it for so many seconds, or else for as long as a run may take.
    """
    patience = OTHERS_MAY_TAKE if others_may_take is None else others_may_take
    mine = f"{SENDING}.{experiment}.{uuid4().hex}"
    ask, take_back = store.client.set_experiment_tag, store.client.delete_experiment_tag
    said = f"{process()} {time.time() + seconds_left() + CLOCKS_MAY_DIFFER:.0f}"
    over = time.monotonic() + patience
    try:
        ask(store.experiment_id, mine, said)
        while others := senders(store, experiment, mine):
            if min(others) < mine:
                take_back(store.experiment_id, mine)
                while others:
                    _wait(others, over, patience)
                    others = senders(store, experiment, mine)
                ask(store.experiment_id, mine, said)
            else:
                _wait(others, over, patience)
        yield
    finally:
        with suppress(MlflowException):  # it is away already, or the server is; then it counts until we are gone
            take_back(store.experiment_id, mine)


def senders(store: Store, experiment: str, mine: str = "") -> dict[str, str]:
    """Return on which hosts others send runs of the experiment, by tag; the tags of those that are gone are removed."""
    found = {}
    for tag, value in store.client.get_experiment(store.experiment_id).tags.items():
        if tag.startswith(f"{SENDING}.{experiment}.") and tag != mine:
            name, _, until = value.rpartition(" ")
            if gone(name) or not until.isdecimal() or float(until) < time.time():
                with suppress(MlflowException):  # somebody else has
                    store.client.delete_experiment_tag(store.experiment_id, tag)
            else:
                found[tag] = name.partition(" ")[0]
    return found


def _wait(others: dict[str, str], over: float, patience: float) -> None:
    """Wait for a moment. Raises Unavailable where that has lasted too long."""
    if time.monotonic() > over:
        hosts = in_line(", ".join(sorted(set(others.values()))))
        raise Unavailable(f"another process, on {hosts}, has been sending it for over {patience:g} s")
    went_on()
    time.sleep(SECONDS_BETWEEN_LOOKS)
