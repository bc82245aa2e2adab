"""Workers of a Dask scheduler, however they were started: `dask worker`, dask-jobqueue (Slurm), or dask-kubernetes."""

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
    """Raise WrongInput if the text does not have the form of a scheduler's address: tcp://host:8786 or host:8786."""
    if not ADDRESS.fullmatch(address):
        raise WrongInput(
            f"--dask: {in_line(address) or 'nothing'} is not allowed; allowed is a scheduler's address, tcp://host:8786"
        )


class Cluster:
    """The workers of a Dask scheduler. See engine.Workers for the attributes and methods that the engine uses."""

    may_come = True
    threads: int | None = 1  # other workers may share the machine

    def __init__(
        self, address: str, client: Any, losses: tuple[type[BaseException], ...], text: Text, sha256: str
    ) -> None:
        """Store the connection and the text. Nothing is sent yet.

        address  the scheduler's address, for messages
        client   Dask's client, which is connected
        losses   the exceptions that Dask raises if a worker has ended
        sha256   SHA-256 of the text, for the text's name in Dask
        """
        self.address, self.client, self.losses = address, client, losses
        self.content, self.key = text, f"charloom-text-{sha256}"
        self.executors: dict[str, Executor] = {}
        self.asked, self.answered, self.future, self.sent = 0.0, time.monotonic(), None, 0
        self.heard: dict[str, tuple[Any, float]] = {}  # by worker: its last heartbeat, and when we first saw it

    def there(self) -> dict[str, Executor]:
        """Return the executor of each live worker, by the worker's address. A worker needs a recent heartbeat.

        The scheduler is asked at most once every SECONDS_BETWEEN_LOOKS. Between two answers, and while the scheduler
        does not answer, the last result is returned (an empty one if the connection is lost). Raises Unavailable if the
        scheduler has not answered for SCHEDULER_MAY_TAKE seconds.
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
        """Return the scheduler's description of each worker, by the worker's address.

        Raises OSError or AttributeError if the scheduler does not answer within ANSWER_MAY_TAKE seconds. If the
        connection is lost, forgets the executors and raises OSError at once.
        """
        if self.client.status != "running":
            self.executors = {}  # Dask has cancelled their tasks
            raise OSError("the connection is lost")
        ask = partial(self.client.scheduler.identity, n_workers=-1)
        workers: dict[str, Any] = self.client.sync(ask, callback_timeout=ANSWER_MAY_TAKE)["workers"]
        return workers

    def _lives(self, name: str, seen: Any) -> bool:
        """Return whether the worker's last heartbeat arrived within WORKER_MAY_TAKE seconds, and warn once if not.

        A suspended process stays connected, but sends no heartbeat. `seen` is the scheduler's time of the last
        heartbeat. It is only compared with its previous value, because the scheduler's clock may differ from ours.
        """
        now = time.monotonic()
        before, since = self.heard.get(name, (None, now))
        self.heard[name] = seen, since if seen == before else now
        lives = now - self.heard[name][1] <= WORKER_MAY_TAKE
        if not lives and name in self.executors:
            self.future = None  # another worker would request the text from this one, and hang
            warn_once(name, f"worker {in_line(name)} is left out: no heartbeat for {WORKER_MAY_TAKE} s")
        return lives

    def text(self) -> Any:
        """Send the text to the workers, and return Dask's future, which stands for the text.

        The text is sent at the first call, and again if the workers that held it are gone. The result is None, after a
        warning, if sending fails or takes longer than TEXT_MAY_TAKE seconds; the next call tries again.
        """
        if self.future is None or self.future.status != "finished":
            key, self.sent = f"{self.key}-{self.sent}", self.sent + 1
            to = {"workers": list(self.executors), "timeout": ANSWER_MAY_TAKE, "asynchronous": True}
            try:
                send = partial(self.client.scatter, {key: self.content}, **to)
                self.future = self.client.sync(send, callback_timeout=TEXT_MAY_TAKE)[key]
            except (OSError, ValueError, LookupError, AttributeError) as error:  # Dask's, if the peer has just gone
                warn_once("text", f"the text could not be sent to the workers; charloom tries again: {quoted(error)}")
                self.future = None
        return self.future

    def under_way(self) -> float:
        """Return 0.0: how far the workers' trials are is unknown."""
        return 0.0

    def lost(self, name: str) -> None:
        """Remove the worker from the list. The next call of `there` asks the scheduler again."""
        self.executors.pop(name, None)
        self.asked = 0.0


@contextmanager
def cluster(address: str, text: Text, sha256: str) -> Iterator[Cluster]:
    """Connect to the scheduler at the address, yield its workers, and close the connection at the end.

    text, sha256  the text on which trials are trained, and its SHA-256

    Raises WrongInput if Dask is not installed, and Unavailable if the scheduler does not answer.
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
    return Unavailable(f"--dask {address}: no scheduler answers ({quoted(error)}); finished trials are kept")
