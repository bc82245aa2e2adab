"""Workers of a Dask scheduler: `dask worker` on any host, dask-jobqueue (Slurm), or dask-kubernetes."""

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

SCHEDULER_MAY_TAKE = 10  # seconds; a connection is refused after that
ANSWER_MAY_TAKE = 3  # seconds; after that signals are handled, and the request is sent again
TEXT_MAY_TAKE = 300  # seconds; timeout of sending the text
WORKER_MAY_TAKE = 60  # seconds between two heartbeats; Dask's own timeout is 300
ADDRESS = re.compile(r"([a-z]+://)?([\w.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}")


def ensure_address(address: str) -> None:
    """Raise WrongInput if the text is no address of a scheduler."""
    if not ADDRESS.fullmatch(address):
        raise WrongInput(
            f"--dask: {in_line(address) or 'nothing'} is not allowed: a scheduler's address, tcp://host:8786"
        )


class Cluster:
    """The workers of a scheduler."""

    may_come = True
    threads: int | None = 1  # other workers may share the machine

    def __init__(
        self, address: str, client: Any, losses: tuple[type[BaseException], ...], text: Text, sha256: str
    ) -> None:
        """Store the connection: address, Dask's client, the exceptions that Dask raises if a worker has ended, and the
        text.
        """
        self.address, self.client, self.losses = address, client, losses
        self.content, self.key = text, f"charloom-text-{sha256}"
        self.executors: dict[str, Executor] = {}
        self.asked, self.answered, self.future, self.sent = 0.0, time.monotonic(), None, 0
        self.heard: dict[str, tuple[Any, float]] = {}  # by worker: its last heartbeat, and when we first saw it

    def there(self) -> dict[str, Executor]:
        """Return the live workers by name. Asks the scheduler once a second.

        Raises Unavailable if the scheduler has not answered for SCHEDULER_MAY_TAKE.
        """
        if time.monotonic() - self.asked > SECONDS_BETWEEN_LOOKS:
            try:
                workers = self._scheduler_workers()
            except (OSError, AttributeError) as error:  # AttributeError: Dask has closed the connection
                if time.monotonic() - self.answered > SCHEDULER_MAY_TAKE:
                    raise _unavailable(self.address, error) from None
            else:
                self.answered = time.monotonic()
                self.executors = {
                    name: self.executors.get(name) or self.client.get_executor(workers=[name], pure=False)
                    for name in workers
                    if self._lives(name, workers[name]["last_seen"])
                }
            self.asked = time.monotonic()
        return self.executors

    def _scheduler_workers(self) -> dict[str, Any]:
        """Return the scheduler's workers. Raises OSError or AttributeError if it does not answer."""
        if self.client.status != "running":
            self.executors = {}  # Dask has cancelled their tasks
            raise OSError("the connection is lost")
        ask = partial(self.client.scheduler.identity, n_workers=-1)
        workers: dict[str, Any] = self.client.sync(ask, callback_timeout=ANSWER_MAY_TAKE)["workers"]
        return workers

    def _lives(self, name: str, seen: Any) -> bool:
        """Return whether the worker's heartbeat is recent. A suspended process stays connected, without a heartbeat."""
        now = time.monotonic()
        before, since = self.heard.get(name, (None, now))
        self.heard[name] = seen, since if seen == before else now
        lives = now - self.heard[name][1] <= WORKER_MAY_TAKE
        if not lives and name in self.executors:
            self.future = None  # another worker would request the text from this one, and hang
            warn_once(name, f"worker {in_line(name)} is left out: no heartbeat for {WORKER_MAY_TAKE} s")
        return lives

    def text(self) -> Any:
        """Return Dask's future of the text. The text is sent once, and again if the workers that held it are gone.

        None if sending fails, because the scheduler or the last worker has just gone.
        """
        if self.future is None or self.future.status != "finished":
            key, self.sent = f"{self.key}-{self.sent}", self.sent + 1
            to = {"workers": list(self.executors), "timeout": ANSWER_MAY_TAKE, "asynchronous": True}
            try:
                send = partial(self.client.scatter, {key: self.content}, **to)
                self.future = self.client.sync(send, callback_timeout=TEXT_MAY_TAKE)[key]
            except (OSError, ValueError, LookupError, AttributeError) as error:  # Dask's, if the peer has just gone
                warn_once(
                    "text",
                    f"sending the text to the workers failed, and is tried again: {quoted(error)}",
                )
                self.future = None
        return self.future

    def lost(self, name: str) -> None:
        """Drop the worker; the next `there` asks the scheduler again."""
        self.executors.pop(name, None)
        self.asked = 0.0


@contextmanager
def cluster(address: str, text: Text, sha256: str) -> Iterator[Cluster]:
    """Yield the workers of the scheduler at the address.

    Raises WrongInput if Dask is not installed, Unavailable if the scheduler does not answer.
    """
    try:
        from distributed import Client  # noqa: PLC0415  an extra, and a second to import
        from distributed.scheduler import KilledWorker  # noqa: PLC0415  likewise
    except ImportError:
        raise WrongInput("--dask: Dask is not installed; `pip install 'charloom[cluster]'` installs it") from None
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # errors are reported in one line instead
    try:
        client = Client(address, timeout=SCHEDULER_MAY_TAKE, set_as_default=False)  # type: ignore[no-untyped-call]  # Dask's
    except (OSError, ValueError) as error:  # Dask's TimeoutError and CommClosedError are OSErrors
        raise _unavailable(address, error) from None
    with client:
        yield Cluster(address, client, (KilledWorker, CancelledError), text, sha256)


def _unavailable(address: str, error: Exception) -> Unavailable:
    return Unavailable(f"--dask {address}: no scheduler ({quoted(error)}); what is trained is kept")
