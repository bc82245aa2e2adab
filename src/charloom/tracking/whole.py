"""The files of an entry in the spool, whole or named: SHA-256 of each, as `sha256sum -c` reads them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from charloom.base.errors import Damaged, Unavailable
from charloom.base.storage import sha256, write
from charloom.base.terminal import in_line
from charloom.results.git import UNKNOWN, git, known
from charloom.results.spool import FILES
from charloom.settings.pipeline import OWN, root

SUMS = "SHA256SUMS"


@contextmanager
def filled(entry: Path) -> Iterator[Path]:
    """Give a new folder to fill. It becomes the entry's files if all goes well. Raises Unavailable if not."""
    new, files = entry / f".{FILES}.new", entry / FILES
    try:
        shutil.rmtree(new, ignore_errors=True)  # a killed process left it
        new.mkdir(parents=True)
        yield new
        write(new / SUMS, sums(new))
        remove(files)
        new.rename(files)
    except OSError as error:
        raise Unavailable(f"{error.filename or entry}: {error.strerror}") from None
    finally:
        shutil.rmtree(new, ignore_errors=True)


def remove(folder: Path) -> None:
    """Remove the folder at once: what a kill leaves of it has another name."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    with suppress(FileNotFoundError):
        folder.rename(old)
    shutil.rmtree(old, ignore_errors=True)


def is_whole(entry: Path) -> bool:
    """Return whether the entry's files are as they were put there."""
    with suppress(OSError):
        return (entry / FILES / SUMS).read_bytes() == sums(entry / FILES).encode()
    return False


def ensure_ours() -> None:
    """Raise Unavailable if Git has files of ours: a clone brought them, and no training here made them."""
    listed = known(partial(git, "ls-files", "--", f":(icase){OWN}", folder=root()))  # some disks know no case
    if listed and not listed.startswith(UNKNOWN):
        first = in_line(listed.splitlines()[0])
        raise Unavailable(f"{first}: in Git, so perhaps somebody else's: nothing sent; `git rm -r {OWN}` removes it")


def ensure_whole(entry: Path, record_is_whole: bool = True) -> None:
    """Raise Damaged if the files are not as they were put there, or if points of the record are missing."""
    if not (record_is_whole and is_whole(entry)):
        again = "remove it: `make track`, where its results are, puts it there again"
        raise Damaged(f"{entry}: not as it was put there: not sent; {again}")


def sums(folder: Path) -> str:
    """Return the SHA-256 of every file in the folder, except of their list."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and file != folder / SUMS)
    return "".join(f"{sha256(file)}  {file.relative_to(folder)}\n" for file in files)
