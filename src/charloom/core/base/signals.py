"""Handling of SIGINT, SIGTERM and SIGHUP: during training they are deferred until the state is saved.

Outside training the system's default action ends the process. No handler raises a Python exception, because the
compiler's callbacks could swallow it. A shell reports the exit codes 130 (SIGINT), 143 (SIGTERM) and 129 (SIGHUP).
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """The exception for a deferred signal, raised after the state is saved. `except Exception` does not catch it."""

    def __init__(self, number: int, saved: str = ""):
        """Build the message from the signal's number and the phrase `saved` (what is saved); set the exit code."""
        super().__init__(f"stopped by {signal.Signals(number).name}{f'; {saved}' if saved else ''}")
        self.exit_code = 128 + number


def end_at_once() -> None:
    """Restore the system's default action: a signal ends the process.

    Python's handler of SIGINT, which raises KeyboardInterrupt, is replaced. An ignored SIGHUP stays ignored.
    """
    for number in _heeded():
        signal.signal(number, signal.SIG_DFL)


def _heeded() -> list[signal.Signals]:
    """Return the signals to handle. SIGHUP is left out if it is ignored, as under nohup."""
    return [number for number in SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]


@contextmanager
def deferred(*, further: bool = False) -> Iterator[list[int]]:
    """Defer the first signal in a `with` block; yield a list to which the signal's number is appended.

    further  whether later signals are deferred, too; if False, a second signal ends the process at once

    The caller reads the list and decides when to stop. The previous handlers are restored after the block.
    """
    received: list[int] = []

    def note(number: int, _: Any) -> None:
        received.append(number)
        if not further:
            end_at_once()

    before = {number: signal.signal(number, note) for number in _heeded()}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
