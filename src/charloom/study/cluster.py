"""Workers of a Dask scheduler: of `dask worker` on any host, of dask-jobqueue (Slurm), of dask-kubernetes."""

import logging
import re
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager
from functools import partial
from typing import Any

from charloom.base.errors import Unavailable, WrongInput
from charloom.base.terminal import in_line, warn_once
from charloom.study.engine import SECONDS_BETWEEN_LOOKS, quoted
from charloom.text.corpus import Text

SCHEDULER_MAY_TAKE = 10  # seconds, to answer
ANSWER_MAY_TAKE = 3  # seconds, before a signal is looked for and the scheduler asked again
TEXT_MAY_TAKE = 300  # seconds, to arrive
WORKER_MAY_TAKE = 60  # seconds, to be heard of; Dask would wait for 300
ADDRESS = re.compile(r"([a-z]+://)?([\w.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}")


def ensure_address(address: str) -> None:
    """Raise WrongInput where it is no address of a scheduler."""
    if not ADDRESS.fullmatch(address):
        raise WrongInput(
            f"--dask: {in_line(address) or 'nothing'} is not allowed: a scheduler's address, tcp://host:8786"
        )


class Cluster:
    """The workers that the scheduler knows."""

    may_come = True
    threads: int | None = 1  # others may be on the same machine

    def __init__(
        self, address: str, client: Any, losses: tuple[type[BaseException], ...], text: Text, sha256: str
    ) -> None:
        """Take the scheduler's address, Dask's client, the exceptions by which it tells that a worker has ended, and
        the text.
        """
        self.address, self.client, self.losses = address, client, losses
        self.content, self.key = text, f"charloom-text-{sha256}"
        self.executors: dict[str, Executor] = {}
        self.asked, self.answered, self.future, self.sent = 0.0, time.monotonic(), None, 0
        self.heard: dict[str, tuple[Any, float]] = {}  # of each worker: when, by the scheduler's clock and by ours

    def there(self) -> dict[str, Executor]:
        """Return the workers that live. The scheduler is asked once a second.

        Raises Unavailable where it has not answered for a while.
        """
        if time.monotonic() - self.asked > SECONDS_BETWEEN_LOOKS:
            try:
                known = self._known()
            except (OSError, AttributeError) as error:  # the second: Dask has given it up
                if time.monotonic() - self.answered > SCHEDULER_MAY_TAKE:
                    raise _unavailable(self.address, error) from None
            else:
                self.answered = time.monotonic()
                self.executors = {
                    name: self.executors.get(name) or self.client.get_executor(workers=[name], pure=False)
                    for name in known
                    if self._lives(name, known[name]["last_seen"])
                }
            self.asked = time.monotonic()
        return self.executors

    def _known(self) -> dict[str, Any]:
        """Return the workers that the scheduler knows. Raises OSError or AttributeError where it does not answer."""
        if self.client.status != "running":
            self.executors = {}  # what they had, Dask has cancelled
            raise OSError("the connection is lost")
        ask = partial(self.client.scheduler.identity, n_workers=-1)
        known: dict[str, Any] = self.client.sync(ask, callback_timeout=ANSWER_MAY_TAKE)["workers"]
        return known

    def _lives(self, name: str, seen: Any) -> bool:
        """Return whether the scheduler has heard of the worker lately. A stopped process keeps its connection."""
        now = time.monotonic()
        before, since = self.heard.get(name, (None, now))
        self.heard[name] = seen, since if seen == before else now
        lives = now - self.heard[name][1] <= WORKER_MAY_TAKE
        if not lives and name in self.executors:
            self.future = None  # another worker would ask it for the text, and wait
            warn_once(name, f"worker {in_line(name)} is left out: it has not been heard of for {WORKER_MAY_TAKE} s")
        return lives

    def text(self) -> Any:
        """Return Dask's name for the text, which is sent once, by its hash; and again where one that had it is gone.

        Return None where it cannot be sent: the scheduler, or its last worker, has just gone.
        """
        if self.future is None or self.future.status != "finished":
            key, self.sent = f"{self.key}-{self.sent}", self.sent + 1
            to = {"workers": list(self.executors), "timeout": ANSWER_MAY_TAKE, "asynchronous": True}
            try:
                send = partial(self.client.scatter, {key: self.content}, **to)
                self.future = self.client.sync(send, callback_timeout=TEXT_MAY_TAKE)[key]
            except (OSError, ValueError, LookupError, AttributeError) as error:  # Dask's, where one has just gone
                warn_once(
                    "text",
                    f"the text has not reached the workers, and is sent again: {quoted(error)}",
                )
                self.future = None
        return self.future

    def lost(self, name: str) -> None:
        """Ask again who is there."""
        self.executors.pop(name, None)
        self.asked = 0.0


@contextmanager
def cluster(address: str, text: Text, sha256: str) -> Iterator[Cluster]:
    """Give the workers of the scheduler at the address.

    Raises WrongInput where Dask is missing, Unavailable where the scheduler does not answer, or has gone.
    """
    try:
        from distributed import Client  # noqa: PLC0415  an extra, and a second to import
        from distributed.scheduler import KilledWorker  # noqa: PLC0415  likewise
    except ImportError:
        raise WrongInput("--dask: Dask is not installed; `pip install 'charloom[cluster]'` brings it") from None
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # we say it in a line
    try:
        client = Client(address, timeout=SCHEDULER_MAY_TAKE, set_as_default=False)  # type: ignore[no-untyped-call]  # Dask's
    except (OSError, ValueError) as error:  # Dask's TimeoutError and CommClosedError are OSErrors
        raise _unavailable(address, error) from None
    with client:
        yield Cluster(address, client, (KilledWorker, CancelledError), text, sha256)


def _unavailable(address: str, error: Exception) -> Unavailable:
    return Unavailable(f"--dask {address}: no scheduler ({quoted(error)}); what is trained is kept")
