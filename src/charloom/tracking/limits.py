"""Limits of a process that asks a store something: no store can hold us up, or fill memory.

A store may answer a byte a second, or without end, or with what fills the memory once it is unpacked. So nothing may
go on for so many seconds, and the whole may take ten times as many: what is sent piece by piece may take long if a
server is slow. The address space has a limit, besides what the imports map: 0.6 GB, of which 0.2 are in memory. macOS
knows that limit and does not keep it.
"""

import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import psutil

from charloom.base.errors import Unavailable

MEMORY = 768 * 2**20  # bytes, besides what the imports map
WHOLE = 10  # times the seconds of silence
SWALLOWED = 10  # seconds: a library may have caught what we raised; then the process ends
# Seconds of silence; when all has to be over; a file that is touched as something goes on.
LIMIT = SimpleNamespace(seconds=0, end=0.0, sign=None)


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise Unavailable in here if nothing goes on for so many seconds, or the whole takes ten times as many."""

    def overdue(*_: Any) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SWALLOWED)
        raise Unavailable(f"nothing went on for {seconds} s, or it was not done within {WHOLE * seconds} s")

    before = signal.signal(signal.SIGALRM, overdue)
    LIMIT.seconds, LIMIT.end = seconds, time.monotonic() + WHOLE * seconds
    went_on()
    try:
        yield
    finally:
        LIMIT.seconds = 0
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def went_on() -> None:
    """Restart the limit of silence: a piece was sent. Touch LIMIT.sign, so that `deliver` sees it."""
    if LIMIT.seconds:
        signal.setitimer(signal.ITIMER_REAL, max(0.01, min(LIMIT.seconds, LIMIT.end - time.monotonic())))
        if LIMIT.sign:
            LIMIT.sign.touch()


def limit_memory() -> None:
    """Let this process map so much more than its imports, and no more: then a MemoryError is raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = psutil.Process().memory_info().vms + MEMORY
    if soft == resource.RLIM_INFINITY or most < soft:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
