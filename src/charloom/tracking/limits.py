"""A time limit for a process that waits for a store: a server may answer slowly, or never.

MLflow limits the time of a request without an answer, but not that of an answer which arrives a byte at a time. A
thread of this module ends the process, because no exception can interrupt such a request.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf
from types import SimpleNamespace

from charloom.core.base.terminal import visible

SILENCE_LIMIT = 30  # seconds without progress
SHOWN_AFTER = 3  # seconds without progress after which a terminal shows what the process waits for
_progress = SimpleNamespace(time=0.0, waiting_for="")


def note_progress(waiting_for: str = "") -> None:
    """Restart the limit of silent seconds. `waiting_for` names what follows; "" keeps the earlier name."""
    _progress.time, _progress.waiting_for = time.monotonic(), waiting_for or _progress.waiting_for


@contextmanager
def time_limit(template: str, code: int, longest: float = inf, silent: float = SILENCE_LIMIT) -> Iterator[None]:
    """End the process if the block makes no progress for `silent` seconds, or takes longer than `longest` seconds.

    The process then writes `template`, with the reason in place of {}, to standard error, and exits with `code`. On a
    terminal, a line tells what the block waits for.
    """
    note_progress("MLflow")
    last, over = time.monotonic() + longest, threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            now = time.monotonic()
            silence = now - _progress.time
            if silence > silent or now > last:
                limit = f"no progress for {silent} s" if silence > silent else f"not done in {longest:.0f} s"
                _write(f"{template.format(f'{_progress.waiting_for}: {limit}')}\n")
                os._exit(code)
            if silence > SHOWN_AFTER and sys.stderr.isatty():
                _write(f"waiting for {_progress.waiting_for}: {silence:.0f} s\r")

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _write(line: str) -> None:
    with suppress(OSError):  # standard error may be closed
        sys.stderr.write("\x1b[K" * sys.stderr.isatty() + visible(line[:-1]) + line[-1])
        sys.stderr.flush()
