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
        with suppress(OSError):  # it is in use, or another user's
            descriptor = _locked(left, fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
            os.close(descriptor)
    folder, descriptor = _made(prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _made(prefix: str) -> tuple[Path, int]:
    """Make a folder, and return it with its open lock."""
    while True:
        folder = Path(mkdtemp(SUFFIX, prefix))
        with suppress(FileNotFoundError):  # another process has removed it before it was locked
            descriptor = _locked(folder)
            if folder.exists():
                return folder, descriptor
            os.close(descriptor)


def _locked(folder: Path, option: int = 0) -> int:
    """Lock the folder and return its descriptor. Raises OSError if that is not possible, or not now with LOCK_NB."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | option)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
