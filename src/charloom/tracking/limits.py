"""Limits of time and memory for a process that uses a store.

A store may answer with one byte per second, with endless data, or with data that fills the memory when unpacked.
Therefore the sender has a limit for the seconds without progress, and a limit of TOTAL_FACTOR times as many seconds for
an entry, which may have many pieces. The address space is limited to what the imports need (0.6 GB, of which 0.2 GB
are resident) plus MEMORY. macOS accepts this limit but does not enforce it.
"""

import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any

import psutil

from charloom.core.base.errors import Unavailable

MEMORY = 768 * 2**20  # bytes, in addition to what the imports map
TOTAL_FACTOR = 10  # the total time limit as a multiple of the timeout without progress
KILL_DELAY = 10  # seconds until SIGALRM ends the process, in case a library has caught our exception
LIMIT = SimpleNamespace(seconds=0, end=0.0)  # the timeout without progress in seconds; the end of the total time limit


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Raise Unavailable in the block after `seconds` without progress, or after TOTAL_FACTOR times as many in total.

    `note_progress` reports progress. If a library catches the exception, SIGALRM ends the process KILL_DELAY seconds
    later.
    """

    def overdue(*_: Any) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(KILL_DELAY)
        raise Unavailable(f"the request made no progress for {seconds} s, or took more than {TOTAL_FACTOR * seconds} s")

    signal.signal(signal.SIGALRM, overdue)
    LIMIT.seconds, LIMIT.end = seconds, time.monotonic() + TOTAL_FACTOR * seconds
    signal.alarm(seconds)
    try:
        yield
    finally:
        LIMIT.seconds = 0
        signal.alarm(0)


def note_progress() -> None:
    """Restart the timeout of `time_limit`, and set the modification time of the sender's log for `deliver`.

    Call this after each piece that was sent. It does nothing outside `time_limit`.
    """
    if LIMIT.seconds:
        signal.setitimer(signal.ITIMER_REAL, max(0.01, min(LIMIT.seconds, LIMIT.end - time.monotonic())))
        with suppress(OSError):
            os.utime(1)  # standard output is the log


def limit_memory() -> None:
    """Limit this process's address space to its current size plus MEMORY bytes. Beyond it, Python raises MemoryError.

    A lower limit that the process already has stays.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = psutil.Process().memory_info().vms + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit if soft == resource.RLIM_INFINITY else min(limit, soft), hard))
