"""Run trials on workers: processes of this machine, or the workers of a Dask scheduler.

A worker is an executor of `concurrent.futures` that runs one task at a time. A process has an executor of its own, so
that one failure does not affect others. A scheduler's workers were started in any way: `dask worker`, dask-jobqueue
(Slurm), or dask-kubernetes. If a worker is lost (it ends, or its connection breaks), its trial goes back into the
queue. The results of a trial do not depend on the worker or the time.

Both sources of workers, `Processes` and `Cluster`, have these attributes and methods:

losses    the exceptions that an executor raises if its worker has ended
may_come  whether further workers may join later
threads   number of threads of a trial; None: as many as are fastest on this machine
text      the path of the prepared text, or an object that the worker gets as the text
live_workers  returns the executor of each live worker, by the worker's name; only a live worker may be given a task,
          and the caller removes a worker that has ended
close     ends the processes, or the connection
"""

import logging
import multiprocessing
import os
import pickle
import re
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Collection, Iterator
from concurrent import futures
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor
from functools import partial
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from charloom.core.base.errors import CharloomError, CheckFailed, Unavailable, WrongInput
from charloom.core.base.signals import end_at_once
from charloom.core.base.sources import safe_path
from charloom.core.base.terminal import warn_once
from charloom.core.base.words import in_line
from charloom.core.text.corpus import read_prepared
from charloom.results.keys import arithmetic_of
from charloom.results.run import Run
from charloom.study.study_file import Trial
from charloom.study.trial import checked_trial, code_digests

SCHEDULER_MAY_TAKE = 10  # seconds; a connection is refused after that
ANSWER_MAY_TAKE = 3  # seconds; after that signals are handled, and the request is sent again
PAUSE = 1.0  # seconds between two queries of the list of workers while no trial ends
FAILURES = 3  # workers that may fail at the same trial; one more is an error
QUOTED = 300  # characters of a worker's message that are shown
LOST = "is there too little memory, or was the connection lost?"
ADDRESS = re.compile(r"([a-z]+://)?([\w.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}")


class Processes:
    """A fixed number of worker processes. If one ends, another is started."""

    losses: tuple[type[BaseException], ...] = (BrokenExecutor,)
    may_come = False

    def __init__(self, text: Path, jobs: int) -> None:
        """Store the path of the prepared text and the number of processes. No process is started yet."""
        self.jobs, self.text, self.numbers = jobs, text, count(1)
        self.threads = None if jobs == 1 else 1
        self.executors, self.processes = dict[str, Executor](), set[BaseProcess]()

    def live_workers(self) -> dict[str, Executor]:
        """Return the executor of each process, by the process's name; start missing processes."""
        while len(self.executors) < self.jobs:
            earlier = {*multiprocessing.active_children()}
            with safe_path():
                # spawn: a fork of a process with threads may deadlock
                executor = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _begin)
                # Ctrl-C during the process's imports would print a traceback. The first executor unblocks SIGINT.
                before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
                executor.submit(int)  # starts the process, with this mask
            self.processes |= {*multiprocessing.active_children()} - earlier
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            self.executors[f"process {next(self.numbers)}"] = executor
        return self.executors

    def close(self) -> None:
        """Kill the worker processes."""
        for process in self.processes:
            process.kill()
        for executor in self.executors.values():
            executor.shutdown(cancel_futures=True)


def _begin() -> None:
    """Set up a worker process so that a signal, or the end of its parent, ends the process at once."""
    end_at_once()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_end_with, args=[parent], daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def ensure_address(address: str) -> None:
    """Raise WrongInput if the text does not have the form of a scheduler's address: tcp://host:8786 or host:8786."""
    if not ADDRESS.fullmatch(address):
        shown = in_line(address) or "nothing"
        raise WrongInput(f"--dask: {shown} is not allowed; allowed is a scheduler's address, tcp://host:8786")


class Cluster:
    """The workers of a Dask scheduler."""

    may_come = True
    threads: int | None = 1  # other workers may share the machine
    future: Any = None

    def __init__(self, text: Path, address: str) -> None:
        """Connect to the scheduler at the address.

        text  the file of the prepared text, which is sent to the workers

        Raises WrongInput if Dask is not installed, and Unavailable if the scheduler does not answer.
        """
        try:
            # Dask is optional, and takes a second to import.
            from dask import config  # noqa: PLC0415
            from distributed import Client  # noqa: PLC0415
            from distributed.scheduler import KilledWorker  # noqa: PLC0415
        except ImportError:
            raise WrongInput("--dask: Dask is not installed; `pip install 'charloom[cluster]'` installs it") from None
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # errors are reported in one line instead
        config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"})  # a text may be large
        try:
            self.client: Any = Client(address, timeout=SCHEDULER_MAY_TAKE, set_as_default=False)  # type: ignore[no-untyped-call]  # Dask's
        except (OSError, ValueError) as error:  # Dask's TimeoutError and CommClosedError are OSErrors
            raise _unavailable(address, error) from None
        self.address, self.losses, self.close = address, (KilledWorker, CancelledError), self.client.close
        self.content, self.executors = pickle.dumps(read_prepared(text)), dict[str, Executor]()
        self.last_reply = time.monotonic()

    def live_workers(self) -> dict[str, Executor]:
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
            if time.monotonic() - self.last_reply > SCHEDULER_MAY_TAKE:
                raise _unavailable(self.address, error) from None
        else:
            self.last_reply = time.monotonic()
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


def _unavailable(address: str, error: Exception) -> Unavailable:
    why = in_line(str(error)[:100]) or "no answer"
    return Unavailable(f"--dask {address}: no scheduler answers ({why}); finished trials are kept")


Workers = Processes | Cluster


def outcomes(trials: Collection[Trial], workers: Workers, text_sha256: str) -> Iterator[tuple[Trial, Run] | None]:
    """Yield each trial with its run as soon as it ends, and None at least about once a second.

    The caller can stop at each None. While no worker is available, the trials wait, after a warning.

    If a worker fails the check of its code, if the training raises an exception, or if the answer is no run of the
    trial, the worker gets no further trial while it is connected, and a line says why. A line also names a lost worker.
    A trial without a run goes back to the head of the queue.

    Raises CheckFailed if no worker is left and none may join. Raises Unavailable if more than FAILURES workers are lost
    or fail while they train one trial, or if the Dask scheduler does not answer.
    """
    waiting, refused, failures = deque(trials), set[str](), Counter[str]()
    tasks: dict[Future[Run], tuple[str, Trial]] = {}  # the task's worker and trial
    expected = {kind: code_digests(kind, arithmetic_of) for kind in {trial.params.recipe.kind for trial in trials}}

    def put_back(trial: Trial, why: str, *, failed: bool = True) -> None:
        waiting.appendleft(trial)
        failures[trial.key] += failed
        if failures[trial.key] > FAILURES:
            raise Unavailable(f"{trial.name}: {FAILURES + 1} workers have failed at this; {why}")

    def put_back_of_lost(worker: str, trial: Trial) -> Iterator[None]:
        yield  # the caller stops here after a signal that has also ended the worker: Ctrl-C reaches the whole group
        live.pop(worker, None)
        line = f"worker {in_line(worker)} was lost, and another one gets {trial.name}"
        warn_once(line, line)
        put_back(trial, LOST)

    while waiting or tasks:
        live = workers.live_workers()
        for future in [future for future, (worker, _) in tasks.items() if worker not in live]:
            future.cancel()
            yield from put_back_of_lost(*tasks.pop(future))
        refused &= live.keys()
        if refused == live.keys() and not workers.may_come:
            raise CheckFailed("no worker is left: the lines above say why each is left out")
        idle = sorted(live.keys() - {worker for worker, _ in tasks.values()} - refused)
        for name in idle[: len(waiting)]:
            trial = waiting.popleft()
            arguments = trial.params, expected[trial.params.recipe.kind], workers.text, text_sha256, workers.threads
            try:
                tasks[live[name].submit(checked_trial, *arguments)] = name, trial
            except workers.losses:  # the worker has ended while idle
                yield from put_back_of_lost(name, trial)
        if not tasks:
            warn_once("workers", "no worker is available; trials wait for one")
            time.sleep(PAUSE)
        for future in futures.wait(tasks, PAUSE, futures.FIRST_COMPLETED).done:
            worker, trial = tasks.pop(future)
            try:
                run = future.result()
                if not isinstance(run, Run) or run[:2] != (trial.params, text_sha256):
                    raise TypeError("its answer is not a run of this trial")
            except workers.losses:
                yield from put_back_of_lost(worker, trial)
            except Exception as error:  # noqa: BLE001  any error is the worker's: a full disk, other sources
                why = str(error) if isinstance(error, CharloomError) else f"{type(error).__name__}: {error}"
                why = in_line(why.partition("\n")[0][:QUOTED])
                line = f"worker {in_line(worker)} is left out after {trial.name}: {why}"
                warn_once(line, line)
                refused.add(worker)
                put_back(trial, f"the last error: {why}", failed=isinstance(error, Unavailable))
            else:
                yield trial, run
        yield None
