"""The files of an entry in the spool, with a list of their SHA-256 checksums for `sha256sum -c`."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from charloom.base.errors import Unavailable
from charloom.base.storage import sha256, write
from charloom.results.spool import FILES

CHECKSUMS = "SHA256SUMS"


@contextmanager
def new_files(entry: Path) -> Iterator[Path]:
    """Yield a new folder for the caller to fill; at the end, the folder, with checksums, replaces the entry's files.

    entry  the entry's folder

    After an exception in the `with` block, the entry keeps its old files. An OSError becomes Unavailable.
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


def checksums(folder: Path) -> str:
    """Return the list of checksums: a line with SHA-256 and path for every file in the folder, except the list."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and file != folder / CHECKSUMS)
    return "".join(f"{sha256(file)}  {file.relative_to(folder)}\n" for file in files)
