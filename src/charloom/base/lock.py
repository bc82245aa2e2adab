"""File locks. The operating system releases a lock when its holder ends, also after a crash or SIGKILL."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from charloom.base.errors import Unavailable

TIMEOUT = 60  # seconds to wait for the lock


@contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Hold the lock; wait up to TIMEOUT while another process holds it, then raise Unavailable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        held = FileLock(path).acquire(timeout=TIMEOUT)
    except Timeout:
        raise Unavailable(f"{path}: another process has held this lock for a minute") from None
    with held:
        yield


def is_held(path: Path) -> bool:
    """Return whether a process holds the lock. Remove the lock file that a killed holder has left."""
    with suppress(OSError):
        if path.exists():
            try:
                with FileLock(path).acquire(blocking=False):
                    path.unlink()
            except Timeout:
                return True
    return False


@contextmanager
def exclusive(path: Path, activity: str, patience: float = 0) -> Iterator[None]:
    """Hold the lock. The lock file contains the holder's process number and exists while it is held.

    activity  noun for the message, such as "this study"
    patience  seconds to wait for the lock

    Raises Unavailable, with the holder's process number, if another process holds the lock, and if the file cannot be
    created.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(path).acquire(timeout=patience)
    except Timeout:
        holder = "another one"
        with suppress(OSError):  # the holder removes the file when it releases the lock
            holder = path.read_text(encoding="ascii") or holder
        raise Unavailable(f"busy: process {holder} runs {activity}; wait until it has ended, or end it") from None
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}; a stage has to write here") from None
    with held:
        path.write_text(str(os.getpid()), encoding="ascii")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # FileLock notices a removed file and creates it again
