"""SIGINT and SIGTERM: at once where nothing is at stake, between two updates while training."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """A signal ended the command. A KeyboardInterrupt, so that nothing takes it for an error and goes on."""

    def __init__(self, number: int):
        """Take the signal's number."""
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


def at_once() -> None:
    """Let a signal raise Stopped wherever the program is."""

    def stop(number: int, _: Any) -> NoReturn:
        raise Stopped(number)

    for number in SIGNALS:
        signal.signal(number, stop)


@contextmanager
def deferred() -> Iterator[list[int]]:
    """Give a list that the first signal's number is added to, for the caller to look at. A second one kills at once."""
    received: list[int] = []

    def note(number: int, _: Any) -> None:
        received.append(number)
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)

    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
