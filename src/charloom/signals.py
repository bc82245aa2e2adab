"""SIGINT and SIGTERM: at once where nothing is at stake, between two updates while training."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """A signal ended the command. A KeyboardInterrupt, so that nothing takes it for an error and goes on."""

    def __init__(self, number: int):
        """Take the signal's number."""
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


def at_once() -> None:
    """Let a signal raise Stopped wherever the program is, or end it where an exception would be lost.

    Callbacks and finalizers swallow one. Numba's compiler is full of both, and what it frees on the way out it may
    free twice.
    """

    def stop(number: int, _: Any) -> NoReturn:
        compiler = sys.modules.get("numba.core.compiler_lock")  # not imported, or not yet, where nothing compiles
        lock = getattr(compiler, "global_compiler_lock", None)
        if lock and lock.is_locked():
            end(Stopped(number))
        raise Stopped(number)

    def lost(what: Any) -> None:
        if isinstance(what.exc_value, Stopped):
            end(what.exc_value)
        sys.__unraisablehook__(what)

    for number in SIGNALS:
        signal.signal(number, stop)
    sys.unraisablehook = lost


def end(stopped: Stopped) -> NoReturn:
    """Say so, and exit without taking anything down."""
    sys.stderr.write(f"{stopped}\n")
    with suppress(OSError):  # who reads may have been stopped too
        sys.stdout.flush()
    os._exit(stopped.exit_code)


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
