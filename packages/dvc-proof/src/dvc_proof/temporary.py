"""Temporary folders: the next process that makes one removes those that a killed process has left."""

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
    """Yield a new folder PREFIX….work, and remove it after the block. Remove those of processes that have ended first.

    The process holds a lock of the folder, which the system releases when the process ends.
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
    """Lock the folder during the block. Raises OSError if that is not possible, or another process has locked it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
