"""Workers on this machine: processes, each an executor of its own, so that one that dies takes no other along."""

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
    """So many processes. One that ends is replaced."""

    losses: tuple[type[BaseException], ...] = (BrokenExecutor,)
    may_come = False

    def __init__(self, jobs: int, text: Path) -> None:
        """Take how many, and the file of the text."""
        self.jobs, self.path, self.numbers = jobs, text, count(1)
        self.threads = None if jobs == 1 else 1
        self.executors: dict[str, Executor] = {}

    def there(self) -> dict[str, Executor]:
        """Return the processes: a new one for each that is missing."""
        while len(self.executors) < self.jobs:
            # spawn: a fork of a process that has threads may hang
            context = multiprocessing.get_context("spawn")
            started = self.executors[f"process {next(self.numbers)}"] = ProcessPoolExecutor(1, context, _begin)
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # its imports would end in a traceback
            started.submit(int)  # starts it, with this mask
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return self.executors

    def text(self) -> Path:
        """Return where the text lies."""
        return self.path

    def lost(self, name: str) -> None:
        """Forget the process."""
        del self.executors[name]


@contextmanager
def processes(jobs: int, text: Path) -> Iterator[Processes]:
    """Give so many processes of this machine; at the end none is left, whatever it is at."""
    workers = Processes(jobs, text)
    try:
        yield workers
    finally:
        for process in multiprocessing.active_children():
            process.kill()
        for executor in workers.executors.values():
            executor.shutdown(cancel_futures=True)


def _begin() -> None:
    """Begin a worker: a signal ends it at once, and so does the end of its parent, however that ends."""
    end_at_once()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    def follow() -> None:
        parent = multiprocessing.parent_process()
        if parent:
            parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
