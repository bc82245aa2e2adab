"""Sources of workers: processes of this machine, and the workers of a Dask scheduler.

A worker is an executor of `concurrent.futures` that runs one task at a time. A process has an executor of its own, so
that one failure does not affect others. A scheduler's workers were started in any way: `dask worker`, dask-jobqueue
(Slurm), or dask-kubernetes.

Both sources have these attributes and methods, which `engine.outcomes` uses:

losses    the exceptions that an executor raises if its worker has ended
may_come  whether further workers may join later
threads   number of threads of a trial; None: as many as are fastest on this machine
text      the path of the prepared text, or an object that the worker gets as the text
there     returns the executor of each live worker, by the worker's name; only a live worker may be given a task
lost      is called with the name of a worker that has ended, during a task or while it was idle
"""

import logging
import multiprocessing
import os
import pickle
import re
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from charloom.base.errors import Unavailable, WrongInput
from charloom.base.signals import end_at_once
from charloom.base.terminal import in_line
from charloom.text.corpus import read_prepared

SCHEDULER_MAY_TAKE = 10  # seconds; a connection is refused after that
ANSWER_MAY_TAKE = 3  # seconds; after that signals are handled, and the request is sent again
ADDRESS = re.compile(r"([a-z]+://)?([\w.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}")


class Processes:
    """A fixed number of worker processes. If one ends, another is started."""

    losses: tuple[type[BaseException], ...] = (BrokenExecutor,)
    may_come = False

    def __init__(self, jobs: int, text: Path) -> None:
        """Store the number of processes and the path of the prepared text. No process is started yet."""
        self.jobs, self.text, self.numbers = jobs, text, count(1)
        self.threads = None if jobs == 1 else 1
        self.executors: dict[str, Executor] = {}

    def there(self) -> dict[str, Executor]:
        """Return the executor of each process, by the process's name; start missing processes."""
        while len(self.executors) < self.jobs:
            # spawn: a fork of a process with threads may deadlock
            executor = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _begin)
            # Ctrl-C during its imports would print a traceback.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            executor.submit(int)  # starts the process, with this mask
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            self.executors[f"process {next(self.numbers)}"] = executor
        return self.executors

    def lost(self, name: str) -> None:
        """Remove the process from the list. The next call of `there` starts another one."""
        del self.executors[name]


@contextmanager
def processes(jobs: int, text: Path) -> Iterator[Processes]:
    """Yield `jobs` worker processes of this machine, which read the prepared text in the file `text`.

    At the end all child processes are killed.
    """
    workers = Processes(jobs, text)
    try:
        yield workers
    finally:
        for process in multiprocessing.active_children():
            process.kill()
        for executor in workers.executors.values():
            executor.shutdown(cancel_futures=True)


def _begin() -> None:
    """Set up a worker process so that a signal, or the end of its parent, ends the process at once."""
    end_at_once()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    def follow() -> None:
        parent = multiprocessing.parent_process()
        if parent:
            parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def ensure_address(address: str) -> None:
    """Raise WrongInput if the text does not have the form of a scheduler's address: tcp://host:8786 or host:8786."""
    if not ADDRESS.fullmatch(address):
        shown = in_line(address) or "nothing"
        raise WrongInput(f"--dask: {shown} is not allowed; allowed is a scheduler's address, tcp://host:8786")


class Cluster:
    """The workers of a Dask scheduler."""

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


Workers = Processes | Cluster


def workers_of(text: Path, jobs: int, address: str | None) -> AbstractContextManager[Workers]:
    """Return the workers of the scheduler at the address, or without an address `jobs` processes of this machine.

    text  the file of the prepared text
    """
    return cluster(address, text) if address else processes(jobs, text)
