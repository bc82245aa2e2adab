"""Workers of a Dask scheduler, however they were started: `dask worker`, dask-jobqueue (Slurm), or dask-kubernetes."""

import logging
import pickle
import re
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from charloom.base.errors import Unavailable, WrongInput
from charloom.base.terminal import in_line
from charloom.text.corpus import read_prepared

SCHEDULER_MAY_TAKE = 10  # seconds; a connection is refused after that
ANSWER_MAY_TAKE = 3  # seconds; after that signals are handled, and the request is sent again
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

    def __init__(self, address: str, client: Any, losses: tuple[type[BaseException], ...], text: bytes) -> None:
        """Store the connection and the pickled text. Nothing is sent yet.

        address  the scheduler's address, for messages
        client   Dask's client, which is connected
        losses   the exceptions that Dask raises if a worker has ended
        """
        self.address, self.client, self.losses, self.content = address, client, losses, text
        self.future: Any = None
        self.executors: dict[str, Executor] = {}
        self.answered = time.monotonic()

    def there(self) -> dict[str, Executor]:
        """Ask the scheduler for its workers; return the executor of each worker, by the worker's address.

        The scheduler forgets a worker that sends no heartbeat for five minutes. While the scheduler does not answer,
        the last result is returned (an empty one if the connection is lost). Raises Unavailable if the scheduler has
        not answered for SCHEDULER_MAY_TAKE seconds.
        """
        try:
            if self.client.status != "running":
                self.executors = {}  # Dask has cancelled their tasks
                raise OSError("the connection is lost")
            ask = partial(self.client.scheduler.identity, n_workers=-1)
            workers = self.client.sync(ask, callback_timeout=ANSWER_MAY_TAKE)["workers"]
        except (OSError, AttributeError) as error:  # AttributeError: Dask has closed the connection
            if time.monotonic() - self.answered > SCHEDULER_MAY_TAKE:
                raise _unavailable(self.address, error) from None
        else:
            self.answered = time.monotonic()
            self.executors = {name: self.client.get_executor(workers=[name], pure=False) for name in workers}
        return self.executors

    @property
    def text(self) -> Any:
        """Return Dask's future of the text, which workers get from each other.

        It is the result of a task, so Dask computes it again if all workers that held it are gone. It is submitted
        again if Dask has cancelled it, because the connection was lost.
        """
        if self.future is None or self.future.cancelled():
            self.future = self.client.submit(pickle.loads, self.content, pure=False)
        return self.future

    def lost(self, name: str) -> None:
        """Do nothing: the next call of `there` asks the scheduler, which knows that the worker has ended."""


@contextmanager
def cluster(address: str, text: Path) -> Iterator[Cluster]:
    """Connect to the scheduler at the address, yield its workers, and close the connection at the end.

    text  the file of the prepared text, which is sent to the workers

    Raises WrongInput if Dask is not installed, and Unavailable if the scheduler does not answer.
    """
    try:
        from dask import config  # noqa: PLC0415  an extra, and a second to import
        from distributed import Client  # noqa: PLC0415  likewise
        from distributed.scheduler import KilledWorker  # noqa: PLC0415  likewise
    except ImportError:
        raise WrongInput("--dask: Dask is not installed; `pip install 'charloom[cluster]'` installs it") from None
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # errors are reported in one line instead
    config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"})  # a text may be large
    try:
        client = Client(address, timeout=SCHEDULER_MAY_TAKE, set_as_default=False)  # type: ignore[no-untyped-call]  # Dask's
    except (OSError, ValueError) as error:  # Dask's TimeoutError and CommClosedError are OSErrors
        raise _unavailable(address, error) from None
    with client:
        yield Cluster(address, client, (KilledWorker, CancelledError), pickle.dumps(read_prepared(text)))


def _unavailable(address: str, error: Exception) -> Unavailable:
    why = in_line(str(error)[:100]) or "no answer"
    return Unavailable(f"--dask {address}: no scheduler answers ({why}); finished trials are kept")
