"""The outbox: what MLflow has not got, a folder for each run, in the main repository.

    .charloom/outbox/<experiment key>-<first digits of the results' hash>/
        run.json     a RunContents: all that is said of the run
        artifacts/   the files of the run, as the run's page shows them
        models/      the best and the last one
        code/        served.py, and in charloom.zip what it imports: the code of the run's models
        SHA256SUMS   of all of these, as `sha256sum -c` reads it: a changed byte would be another result

A folder is whole or not there. It goes when MLflow has the run.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from charloom.base.errors import Damaged, Unavailable
from charloom.base.lock import in_turn
from charloom.base.storage import sha256, write
from charloom.base.terminal import in_line
from charloom.results.git import UNKNOWN, git, known
from charloom.settings.pipeline import OWN, root
from charloom.tracking.contents import RunContents

CONTENTS, ARTIFACTS, CODE, SUMS = "run.json", "artifacts", "code", "SHA256SUMS"
DIGITS = 12  # of the results' hash, in a folder's name


def outbox() -> Path:
    """Return the folder of folders."""
    return root() / OWN / "outbox"


def waiting() -> list[Path]:
    """Return the runs that MLflow has not got."""
    return sorted(outbox().glob("[!.]*/"))


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
            try:
                shutil.rmtree(new, ignore_errors=True)  # a killed process left it
                new.mkdir(parents=True)
                yield new
                write(new / SUMS, sums(new))
                remove(folder)
                new.rename(folder)
            finally:  # while the lock is held: afterwards it may be another process's
                shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        raise Unavailable(f"{error.filename or outbox()}: {error.strerror}") from None


def remove(folder: Path) -> None:
    """Remove the run's folder at once: what a kill leaves of it has another name."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    with suppress(FileNotFoundError):
        folder.rename(old)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder: it is not replaced while it is sent."""
    lock = folder.with_name(f".{folder.name}.lock")
    with in_turn(lock):
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)  # who has opened it by now will notice, and open a new one


def ensure_ours() -> None:
    """Raise Unavailable where Git has files of the outbox's: a clone brought them, and no training here made them."""
    found = known(partial(git, "ls-files", "--", f":(icase){OWN}", folder=root()))  # some disks know no case
    if found and not found.startswith(UNKNOWN):
        first = in_line(found.splitlines()[0])
        raise Unavailable(f"{first}: in Git, so perhaps somebody else's: nothing sent; `git rm -r {OWN}` removes it")


def ensure_whole(folder: Path) -> None:
    """Raise Damaged where the folder is not as it was put there."""
    with suppress(OSError):
        if (folder / SUMS).read_bytes() == sums(folder).encode():
            return
    again = "remove it: `make track`, where its results are, puts it there anew"
    raise Damaged(f"{folder}: not as it was put there: not sent; {again}")


def sums(folder: Path) -> str:
    """Return the SHA-256 of every file in the folder but of their list."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and file != folder / SUMS)
    return "".join(f"{sha256(file)}  {file.relative_to(folder)}\n" for file in files)
