"""One writer: a lock that the end of its holder frees, however it ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from charloom.errors import Unavailable


@contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Hold the lock file; wait for it where another process holds it. Raises Unavailable after a minute."""
    path.parent.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise Unavailable(f"{path}: another process has held it for a minute") from None
                time.sleep(0.02)
        yield


@contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file, which exists only while it is held.

    Raises Unavailable, with the holder's pid, where another process holds it; and where it cannot be made.
    """
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a+", encoding="ascii")
        except OSError as error:
            raise Unavailable(f"{path}: {error.strerror}; a stage has to write here") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid = file.read() or "another one"
            file.close()
            raise Unavailable(f"busy: process {pid} is at {what}; wait until it has ended, or end it") from None
        with suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), os.fstat(file.fileno())):
                break
        file.close()  # its last holder removed it in between: what we hold is a lock nobody else will see
    with file:
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
