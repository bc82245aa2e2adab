"""Repair of DVC's rwlock file, in which DVC lists the paths that its processes read and write.

A DVC killed while writing the file leaves it truncated. Then every DVC command fails.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from charloom.base.errors import Damaged

RWLOCK = Path(".dvc/tmp/rwlock")
RUNNING, WRITING = Path(".dvc/tmp/lock"), Path(".dvc/tmp/rwlock.lock")  # DVC's locks for a command, a write


def ensure_whole() -> None:
    """Raise Damaged, with the command that repairs it, if the rwlock file is truncated.

    If DVC is writing the file, or the file does not exist, nothing is checked.
    """
    with suppress(OSError), _locked(WRITING):
        if _truncated():
            raise Damaged(f"{RWLOCK}: DVC was killed while it wrote this file; if no DVC runs now: `rm {RWLOCK}`")


def remove_truncated() -> None:
    """Remove the rwlock file if it is truncated and no DVC is running, and print a line about it.

    A running DVC reports the fault itself. The caller must hold the stage lock, because DVC releases its own lock while
    a stage runs.
    """
    with suppress(OSError), _locked(RUNNING, WRITING):
        if _truncated():
            RWLOCK.unlink()
            print(f"removed {RWLOCK}: DVC was killed while it wrote this file", flush=True)


@contextmanager
def _locked(*paths: Path) -> Iterator[None]:
    """Hold these locks of DVC's (flock) in a `with` block.

    Raises OSError if another process holds one of them, or if the folder .dvc/tmp is missing.
    """
    with ExitStack() as opened:
        for path in paths:
            fcntl.flock(opened.enter_context(path.open("a")), fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _truncated() -> bool:
    try:
        return not isinstance(json.loads(RWLOCK.read_bytes()), dict)
    except ValueError:
        return True
