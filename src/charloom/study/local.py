"""Workers on this machine: processes. Each process has its own executor, so that one failure does not affect others."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from charloom.base.signals import end_at_once


class Processes:
    """A fixed number of worker processes. If one ends, another is started. See engine.Workers for the attributes."""

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
