"""Workers of a Dask scheduler: of `dask worker` on any host, of dask-jobqueue (Slurm), of dask-kubernetes."""

import logging
import re
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager
from typing import Any

from charloom.base.errors import Unavailable, WrongInput
from charloom.base.terminal import in_line
from charloom.study.engine import SECONDS_BETWEEN_LOOKS
from charloom.text.corpus import Text

SCHEDULER_MAY_TAKE = 10  # seconds, to answer
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

    def __init__(self, client: Any, losses: tuple[type[BaseException], ...], text: Text, sha256: str) -> None:
        """Take Dask's client, the exceptions by which it tells that a worker has ended, and the text."""
        self.client, self.losses, self.content, self.key = client, losses, text, f"charloom-text-{sha256}"
        self.executors: dict[str, Executor] = {}
        self.asked, self.future = 0.0, None

    def there(self) -> dict[str, Executor]:
        """Return the workers. The scheduler is asked once a second."""
        if time.monotonic() - self.asked > SECONDS_BETWEEN_LOOKS:
            self.asked = time.monotonic()
            known = self.client.scheduler_info(n_workers=-1)["workers"]
            self.executors = {
                name: self.executors.get(name) or self.client.get_executor(workers=[name], pure=False) for name in known
            }
        return self.executors

    def text(self) -> Any:
        """Return Dask's name for the text, which is sent once, by its hash; and again where its workers are gone."""
        if self.future is None or self.future.status != "finished":
            self.future = self.client.scatter({self.key: self.content})[self.key]
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
        with Client(address, timeout=SCHEDULER_MAY_TAKE, set_as_default=False) as client:  # type: ignore[no-untyped-call]  # Dask's
            yield Cluster(client, (KilledWorker, CancelledError), text, sha256)
    except (OSError, ValueError) as error:  # Dask's TimeoutError and CommClosedError are OSErrors
        reason = (str(error).splitlines() or ["no answer"])[0]
        raise Unavailable(f"--dask {address}: no scheduler ({in_line(reason)}); what is trained is kept") from None
