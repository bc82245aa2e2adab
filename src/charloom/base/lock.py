"""File locks. The operating system releases a lock when its holder ends, also after a crash or SIGKILL."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from charloom.base.errors import Unavailable


def is_held(path: Path) -> bool:
    """Return whether a process holds the lock. If none does, remove the lock file, which a killed process has left.

    Returns False if there is no lock file, or if it cannot be opened. A missing file is not created: a process that
    starts at this moment would find it locked.
    """
    with suppress(OSError):
        try:
            with FileLock(path.resolve(strict=True)).acquire(blocking=False):
                path.unlink()
        except Timeout:
            return True
    return False


@contextmanager
def exclusive(path: Path, activity: str, patience: float = 0) -> Iterator[None]:
    """Hold the lock file `path` in a `with` block. The file contains this process's number and is removed afterwards.

    activity  what the holder runs, for the message, such as "this study"
    patience  seconds to wait for the lock

    Raises Unavailable, with the holder's process number if known, if another process holds the lock. Raises Unavailable
    if the file or its folder cannot be created.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(path).acquire(timeout=patience)
    except Timeout:
        holder = "with an unknown id"
        with suppress(OSError):  # the holder removes the file when it releases the lock
            holder = path.read_text(encoding="ascii") or holder
        raise Unavailable(f"busy: process {holder} runs {activity}; wait until it has ended, or end it") from None
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}; charloom must be able to write there") from None
    with held:
        path.write_text(str(os.getpid()), encoding="ascii")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # FileLock notices a removed file and creates it again
