"""SIGINT, SIGTERM and SIGHUP end a process at once. In the middle of training they wait until it has saved.

Outside training the system's own action applies. No Python exception is raised: the compiler's callbacks could
swallow it. A shell reports such an end as 130 (SIGINT), 143 (SIGTERM) or 129 (SIGHUP: its terminal is gone).
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """A signal ended training, which has saved. A KeyboardInterrupt, so that nothing takes it for an error."""

    def __init__(self, number: int, kept: str = ""):
        """Take the signal's number, and perhaps what is kept, in words."""
        super().__init__(f"stopped by {signal.Signals(number).name}{f'; {kept}' if kept else ''}")
        self.exit_code = 128 + number


def end_at_once() -> None:
    """Let a signal end this process, as the system does by itself. Python would raise KeyboardInterrupt."""
    for number in _heeded():
        signal.signal(number, signal.SIG_DFL)


def _heeded() -> list[signal.Signals]:
    """Return the signals that count: under nohup a terminal that is gone does not."""
    return [number for number in SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]


@contextmanager
def deferred() -> Iterator[list[int]]:
    """Give a list to look at: the first signal adds its number to it. A second signal ends the process at once."""
    received: list[int] = []

    def note(number: int, _: Any) -> None:
        received.append(number)
        end_at_once()

    before = {number: signal.signal(number, note) for number in _heeded()}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
