"""Limits of time and memory for a process that uses a store.

A store may answer with one byte per second, with endless data, or with data that fills the memory when unpacked.
Therefore the seconds without progress are limited. The address space is limited to what the imports need (0.6 GB, of
which 0.2 GB are resident) plus MEMORY. macOS accepts this limit but does not enforce it.
"""

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil

from charloom.core.base.errors import Unavailable

MEMORY = 768 * 2**20  # bytes, in addition to what the imports map
SILENCE_LIMIT = 30  # seconds without progress
KILL_DELAY = 10  # seconds until SIGALRM ends the process, in case a library has caught our exception


@contextmanager
def time_limit() -> Iterator[None]:
    """Raise Unavailable in the block after SILENCE_LIMIT seconds without progress, which `note_progress` reports.

    If a library catches the exception, SIGALRM ends the process KILL_DELAY seconds later.
    """

    def overdue(*_: Any) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(KILL_DELAY)
        raise Unavailable(f"the request made no progress for {SILENCE_LIMIT} s")

    signal.signal(signal.SIGALRM, overdue)
    signal.alarm(SILENCE_LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)


def note_progress() -> None:
    """Restart the timeout of `time_limit`, and set the modification time of the sender's log for `deliver`.

    Call this after each piece that was sent. It does nothing outside `time_limit`.
    """
    if signal.alarm(0):
        signal.alarm(SILENCE_LIMIT)
        with suppress(OSError):
            os.utime(1)  # standard output is the log


def limit_memory() -> None:
    """Limit this process's address space to its current size plus MEMORY bytes. Beyond it, Python raises MemoryError.

    A lower limit that the process already has stays.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = psutil.Process().memory_info().vms + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit if soft == resource.RLIM_INFINITY else min(limit, soft), hard))
