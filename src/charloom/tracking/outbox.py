"""The outbox: what MLflow has not got, a folder for each run, in the main repository.

    .charloom/outbox/<experiment key>-<first digits of the results' hash>/
        run.json     a RunContents: all that is said of the run
        artifacts/   the files of the run, as the run's page shows them
        code/        served.py and what it imports: the code of the run's models

A folder is whole or not there. It goes when MLflow has the run.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from charloom.base.errors import Unavailable
from charloom.base.lock import in_turn
from charloom.settings.pipeline import OWN, root
from charloom.tracking.contents import RunContents

CONTENTS, ARTIFACTS, CODE = "run.json", "artifacts", "code"
DIGITS = 12  # of the results' hash, in a folder's name


def outbox() -> Path:
    """Return the folder of folders."""
    return root() / OWN / "outbox"


def waiting() -> list[Path]:
    """Return the runs that MLflow has not got."""
    return sorted(file.parent for file in outbox().glob(f"[!.]*/{CONTENTS}"))


def folder_of(contents: RunContents) -> Path:
    """Return where the run waits."""
    return outbox() / f"{contents.experiment}-{contents.results[:DIGITS]}"


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Give a new folder to fill. It takes the place of the run's folder when all went well.

    Raises Unavailable where it cannot be written.
    """
    new = folder.with_name(f".{folder.name}.new")
    try:
        with held(folder):
            shutil.rmtree(new, ignore_errors=True)  # a killed process left it
            new.mkdir(parents=True)
            yield new
            shutil.rmtree(folder, ignore_errors=True)
            new.rename(folder)
    except OSError as error:
        raise Unavailable(f"{error.filename or outbox()}: {error.strerror}") from None
    finally:
        shutil.rmtree(new, ignore_errors=True)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder: it is not replaced while it is sent."""
    lock = folder.with_name(f".{folder.name}.lock")
    with in_turn(lock):
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)  # who has opened it by now will notice, and open a new one
