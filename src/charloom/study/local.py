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
from typing import Any

from charloom.base.signals import end_at_once


class Processes:
    """A fixed number of worker processes. If one ends, another is started. See engine.Workers for the attributes."""

    losses: tuple[type[BaseException], ...] = (BrokenExecutor,)
    may_come = False

    def __init__(self, jobs: int, text: Path) -> None:
        """Store the number of processes and the path of the prepared text. No process is started yet."""
        self.jobs, self.path, self.numbers = jobs, text, count(1)
        self.threads = None if jobs == 1 else 1
        self.executors: dict[str, Executor] = {}
        self.parts: dict[str, Any] = {}  # by process: the finished fraction of its trial, a number in shared memory

    def there(self) -> dict[str, Executor]:
        """Return the executor of each process, by the process's name; start missing processes."""
        while len(self.executors) < self.jobs:
            # spawn: a fork of a process with threads may deadlock
            context = multiprocessing.get_context("spawn")
            name, part = f"process {next(self.numbers)}", context.RawValue("d", 0.0)
            started = self.executors[name] = ProcessPoolExecutor(1, context, _begin, (part,))
            self.parts[name] = part
            # Ctrl-C during its imports would print a traceback.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            started.submit(int)  # starts the process, with this mask
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return self.executors

    def text(self) -> Path:
        """Return the path of the prepared text."""
        return self.path

    def under_way(self) -> float:
        """Return the sum of the finished fractions of the trials under way."""
        return float(sum(part.value for part in self.parts.values()))

    def lost(self, name: str) -> None:
        """Remove the process from the list. The next call of `there` starts another one."""
        del self.executors[name], self.parts[name]


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


_own_part: Any = None  # in a worker process: its number in `Processes.parts`


def note_part(part: float) -> None:
    """Tell the study the finished fraction of this process's trial, if it is a worker on the study's machine."""
    if _own_part is not None:
        _own_part.value = part


def _begin(part: Any) -> None:
    """Set up a worker process so that a signal, or the end of its parent, ends the process at once.

    part  the number to which `note_part` writes
    """
    global _own_part  # noqa: PLW0603  shared memory can only be given to a process at its start
    _own_part = part
    end_at_once()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    def follow() -> None:
        parent = multiprocessing.parent_process()
        if parent:
            parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
