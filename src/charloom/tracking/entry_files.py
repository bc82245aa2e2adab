"""The files of an entry in the spool, with a list of their SHA-256 checksums for `sha256sum -c`."""

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

CHECKSUMS = "SHA256SUMS"


@contextmanager
def new_files(entry: Path) -> Iterator[Path]:
    """Yield a new folder for the caller to fill; at the end, the folder, with checksums, replaces the entry's files.

    entry  the entry's folder

    After an exception, the entry keeps its old files. An OSError becomes Unavailable.
    """
    new, files = entry / f".{FILES}.new", entry / FILES
    try:
        shutil.rmtree(new, ignore_errors=True)  # left by a killed process
        new.mkdir(parents=True)
        yield new
        write(new / CHECKSUMS, checksums(new))
        remove(files)
        new.rename(files)
    except OSError as error:
        raise Unavailable(f"{error.filename or entry}: {error.strerror}") from None
    finally:
        shutil.rmtree(new, ignore_errors=True)


def remove(folder: Path) -> None:
    """Remove the folder atomically. The folder is renamed first, so a kill never leaves a part under the old name.

    A missing folder is no error.
    """
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    with suppress(FileNotFoundError):
        folder.rename(old)
    shutil.rmtree(old, ignore_errors=True)


def is_intact(entry: Path) -> bool:
    """Return whether the files of the entry in this folder match their checksums; False if files are missing."""
    with suppress(OSError):
        return (entry / FILES / CHECKSUMS).read_bytes() == checksums(entry / FILES).encode()
    return False


def ensure_not_in_git() -> None:
    """Raise Unavailable if Git tracks files in .charloom/: they came with a clone, not from a training here."""
    listed = known(partial(git, "ls-files", "--", f":(icase){OWN}", folder=root()))  # some file systems ignore case
    if listed and not listed.startswith(UNKNOWN):
        first = in_line(listed.splitlines()[0])
        raise Unavailable(f"{first}: not sent, because Git tracks this file; remove it with `git rm -r {OWN}`")


def ensure_intact(entry: Path, record_is_complete: bool = True) -> None:
    """Raise Damaged if the entry's files do not match their checksums, or `record_is_complete` is False."""
    if not (record_is_complete and is_intact(entry)):
        hint = "remove this entry; `make track` in the folder with its results adds it again"
        raise Damaged(f"{entry}: not sent, because it was damaged or changed; {hint}")


def checksums(folder: Path) -> str:
    """Return the list of checksums: a line with SHA-256 and path for every file in the folder, except the list."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and file != folder / CHECKSUMS)
    return "".join(f"{sha256(file)}  {file.relative_to(folder)}\n" for file in files)
