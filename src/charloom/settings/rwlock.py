"""DVC's list of who reads and writes what. Killed as it writes it, DVC leaves it cut, and refuses to work then."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from charloom.base.errors import Damaged

RWLOCK = Path(".dvc/tmp/rwlock")
AT_WORK, WRITING = Path(".dvc/tmp/lock"), Path(".dvc/tmp/rwlock.lock")  # DVC locks them while it is at it


def ensure_whole() -> None:
    """Raise Damaged, with what to type, where the list is cut."""
    with suppress(OSError), _held(WRITING):
        if _cut():
            raise Damaged(f"{RWLOCK}: DVC was killed as it wrote it; where no DVC is at work: rm {RWLOCK}")


def remove_cut() -> None:
    """Remove the list, and say so, where it is cut and no DVC is at work. Where one is, it says itself what is wrong.

    For a caller that holds the stage's lock: DVC lets its own go while a stage runs.
    """
    with suppress(OSError), _held(AT_WORK, WRITING):
        if _cut():
            RWLOCK.unlink()
            print(f"removed {RWLOCK}: DVC was killed as it wrote it", flush=True)


@contextmanager
def _held(*paths: Path) -> Iterator[None]:
    """Hold the locks as DVC does. Raises OSError where another process holds one, or DVC has never been here."""
    with ExitStack() as opened:
        for path in paths:
            fcntl.flock(opened.enter_context(path.open("a")), fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _cut() -> bool:
    try:
        return not isinstance(json.loads(RWLOCK.read_bytes()), dict)
    except ValueError:
        return True
