"""One writer at a time: locks that the end of their holder frees, however it ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from charloom.base.errors import Unavailable

LOCK_MAY_TAKE = 60  # seconds, to become free


@contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Hold the lock file; wait for it while another process holds it. Raises Unavailable after a minute."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        held = FileLock(path).acquire(timeout=LOCK_MAY_TAKE)
    except Timeout:
        raise Unavailable(f"{path}: another process has held it for a minute") from None
    with held:
        yield


def is_held(path: Path) -> bool:
    """Return whether a process holds the lock file, which exists while it is held, or if its holder was killed."""
    with suppress(OSError):
        if path.exists():
            try:
                with FileLock(path).acquire(blocking=False):
                    path.unlink()
            except Timeout:
                return True
    return False


@contextmanager
def exclusive(path: Path, what: str, patience: float = 0) -> Iterator[None]:
    """Hold the lock file, which exists only while it is held. The holder's process number stands in it.

    Raises Unavailable, with that number, if another process holds it for `patience` seconds; and if the file cannot
    be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(path).acquire(timeout=patience)
    except Timeout:
        holder = "another one"
        with suppress(OSError):  # the file goes as the lock is let go
            holder = path.read_text(encoding="ascii") or holder
        raise Unavailable(f"busy: process {holder} is at {what}; wait until it has ended, or end it") from None
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}; a stage has to write here") from None
    with held:
        path.write_text(str(os.getpid()), encoding="ascii")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # who has opened it by now will notice, and open a new one
