"""Temporary folders. A process that makes one first removes the folders that killed processes have left."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp

SUFFIX = ".work"  # a folder that is renamed without it is never removed


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Remove the folders PREFIX….work of ended processes; then yield a new one, and remove it after the block.

    The process holds a lock of its folder, which the system releases when the process ends.
    """
    for left in Path(gettempdir()).glob(f"{prefix}*{SUFFIX}"):
        with suppress(OSError), _locked(left):  # it is in use, or another user's
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(mkdtemp(prefix=prefix))
    with _locked(folder):
        folder = folder.rename(f"{folder}{SUFFIX}")  # with the suffix, but no lock, another process would remove it
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock the folder during the block. Raises OSError if it cannot be opened, or if another process has locked it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
