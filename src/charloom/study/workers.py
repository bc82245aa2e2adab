"""Run trials on workers: processes of this machine, or the workers of a Dask scheduler.

Both are an executor of `concurrent.futures`. A scheduler's workers were started in any way: `dask worker`,
dask-jobqueue (Slurm), or dask-kubernetes. A lost process (it ends) ends the pool, which is started again with the
trials that are left; Dask gives the trials of a lost worker to another one. The results of a trial do not depend on the
worker or the time.
"""

import logging
import multiprocessing
import os
import pickle
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from charloom.core.base.errors import CharloomError, CheckFailed, Unavailable, WrongInput
from charloom.core.base.signals import end_at_once
from charloom.core.base.sources import safe_path
from charloom.core.base.words import in_line
from charloom.core.text.corpus import read_prepared
from charloom.results.run import Run
from charloom.study.study_file import Trial
from charloom.study.trial import checked_trial, code_digests

SCHEDULER_MAY_TAKE = 10  # seconds; a connection is refused after that
PAUSE = 1.0  # seconds, at most, between two answers of `outcomes`
FAILURES = 3  # attempts at the same trial that may fail; one more is an error
QUOTED = 300  # characters of a worker's message that are shown
ADDRESS = re.compile(r"([a-z]+://)?([\w.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}")


class Task(NamedTuple):
    """What all trials have in common: the kinds of their recipes, the file of the prepared text, and its SHA-256."""

    kinds: Collection[str]
    text: Path
    text_sha256: str


def outcomes(trials: Collection[Trial], task: Task, where: int | str) -> Iterator[tuple[Trial, Run] | None]:
    """Yield each trial with its run as soon as it ends, and None at least about once a second.

    The caller can stop at each None.

    where  the number of processes on this machine, or the address of a Dask scheduler

    Raises CheckFailed if a worker has other code than this process. Raises Unavailable if a trial fails more than
    FAILURES times, if as many workers are lost one after the other, or if the Dask scheduler does not answer.
    """
    left, failures, expected = {trial.key: trial for trial in trials}, Counter[str](), code_digests(task.kinds)
    while left:
        with _pool(task, where) as (executor, text, threads):
            futures = dict[Future[Run], Trial]()
            with _without_interrupt():
                for trial in left.values():
                    arguments = trial.params, expected, text, task.text_sha256, threads
                    futures[executor.submit(checked_trial, *arguments)] = trial
            while futures:
                done = wait(futures, PAUSE, FIRST_COMPLETED).done
                for future in done:
                    trial = futures.pop(future)
                    try:
                        run = future.result()
                    except CheckFailed:
                        raise
                    except (Exception, CancelledError) as error:  # noqa: BLE001  a full disk, a lost worker
                        yield None  # the caller stops here after a signal that has also ended the worker
                        why = str(error) if isinstance(error, CharloomError) else f"{type(error).__name__}: {error}"
                        why = in_line(why.partition("\n")[0][:QUOTED])
                        is_lost = isinstance(error, BrokenExecutor)  # all futures of this pool fail
                        failed = "a worker was lost" if is_lost else trial.name
                        failures[failed] += 1
                        if failures[failed] > FAILURES:
                            last = f"{FAILURES + 1} attempts failed; the last: {why}"
                            raise Unavailable(f"{failed}: {last}") from None
                        if is_lost:
                            sys.stderr.write("a worker was lost (too little memory?), and its trials start again\n")
                            futures.clear()
                            break
                    else:
                        del left[trial.key], failures["a worker was lost"]
                        yield trial, run
                yield None


@contextmanager
def _without_interrupt() -> Iterator[None]:
    """Start processes with SIGINT blocked: during their imports, Ctrl-C would print a traceback."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def processes(jobs: int) -> Iterator[Executor]:
    """Yield an executor of this number of processes, which are killed at the end."""
    earlier = {*multiprocessing.active_children()}
    with safe_path():
        # spawn: a fork of a process with threads may deadlock
        executor = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _begin)
        try:
            yield executor
        finally:
            for process in {*multiprocessing.active_children()} - earlier:
                process.kill()
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


@contextmanager
def _pool(task: Task, where: int | str) -> Iterator[tuple[Executor, Any, int | None]]:
    """Yield an executor, the text for its tasks, and the number of threads of a trial (None: as many as are fastest).

    A trial on a cluster has one thread, because other workers may share the machine. The text is the result of a task
    there, so Dask computes it again if all workers that held it are gone. Raises WrongInput if Dask is not installed,
    and Unavailable if the scheduler does not answer.
    """
    if isinstance(where, int):
        with processes(where) as executor:
            yield executor, task.text, None if where == 1 else 1
        return
    try:
        # Dask is optional, and takes a second to import.
        from dask import config  # noqa: PLC0415
        from distributed import Client  # noqa: PLC0415
    except ImportError:
        raise WrongInput("--dask: Dask is not installed; `pip install 'charloom[cluster]'` installs it") from None
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # errors are reported in one line instead
    config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"})  # a text may be large
    try:
        client: Any = Client(where, timeout=SCHEDULER_MAY_TAKE, set_as_default=False)  # type: ignore[no-untyped-call]  # Dask's
    except (OSError, ValueError) as error:  # Dask's TimeoutError and CommClosedError are OSErrors
        why = in_line(str(error)[:100]) or "no answer"
        raise Unavailable(f"--dask {where}: no scheduler answers ({why}); finished trials are kept") from None
    try:
        content = pickle.dumps(read_prepared(task.text))
        yield client.get_executor(pure=False), client.submit(pickle.loads, content, pure=False), 1
    finally:
        client.close(timeout=PAUSE)
