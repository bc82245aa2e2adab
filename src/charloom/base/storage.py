"""Files on disk, whole or not at all, and their hashes."""

import errno
import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from pydantic import BaseModel, ValidationError

from charloom.base.errors import Damaged, Unavailable
from charloom.base.terminal import warn_once

Record = TypeVar("Record", bound=BaseModel)
LEFT_FOR = 3600  # seconds without a write after which a temporary file counts as left by a killed process


def write(path: Path, content: str | bytes) -> None:
    """Write the file whole or not at all, as `whole` does."""
    with whole(path) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """Give a temporary file to write to; replace the path with it afterwards: fsync, rename, fsync of the folder.

    Every write has a temporary file of its own, so processes and hosts may write one path at the same time: the last
    rename wins. A killed process leaves its temporary file; a write of the same path removes it after an hour.

    Raises Unavailable, naming the file, where that is impossible. The old content is there then, or the new one.
    Whatever else is raised while it is written leaves the old one too.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            _remove_leftovers(path, os.fstat(file.fileno()).st_mtime)
            yield file
            file.flush()
            _sync(file.fileno(), path)
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):  # where nothing can be written there is nothing to remove
            temporary.unlink()
        if not isinstance(error, OSError):
            raise
        raise Unavailable(f"{path}: {error.strerror}: not written; what was there before is unharmed") from None
    try:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            _sync(folder, path.parent)  # the file's name too
        finally:
            os.close(folder)
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}: written, but a power cut may still lose it") from None


def _remove_leftovers(path: Path, now: float) -> None:
    """Remove the path's temporary files that no process has written to for LEFT_FOR before `now`.

    `now` is the time stamp of a file just made in the folder, because the clocks of hosts differ.
    """
    with suppress(OSError):  # another process has removed the file, or the folder cannot be listed
        for file in path.parent.glob(f".{escape(path.name)}.{'?' * 16}.new"):
            if now - file.stat().st_mtime > LEFT_FOR:
                file.unlink()


def _sync(number: int, path: Path) -> None:
    """Make the disk keep the open file or folder, also when the power is cut. Warn where the file system never does."""
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
        warn_once("fsync", f"{path}: {error.strerror}: this file system does not sync; a power cut may lose results")


def write_json(path: Path, content: Any) -> None:
    """Write readable JSON with keys in the given order; floats in full, NaN refused with ValueError."""
    write(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, record: type[Record], mended: str = "`dvc repro` makes it again") -> Record:
    """Return the record that the JSON file holds. Raises Damaged, with what mends it, where it holds none."""
    try:
        return record.model_validate_json(path.read_bytes())
    except OSError as error:
        raise Damaged(f"{path}: {error.strerror}; {mended}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise Damaged(f"{path}: {f'{key}: ' if key else ''}{first['msg']}; {mended}") from None


def write_table(path: Path, names: tuple[str, ...], rows: Mapping[int, Iterable[float]]) -> None:
    """Write a CSV table `update,<name>,…`, a row for each update, numbers in full."""
    lines = (",".join([str(update), *(repr(float(value)) for value in row)]) for update, row in rows.items())
    write(path, "\n".join([",".join(("update", *names)), *lines, ""]))


def read_table(path: Path, *names: str, may_be_empty: bool = False) -> dict[str, dict[int, float]]:
    """Return each column by update. Raises Damaged, naming the file, where it is not such a table."""
    try:
        head, *rows = path.read_text(encoding="utf-8").splitlines()
        if head != ",".join(("update", *names)) or not (rows or may_be_empty):
            raise ValueError(f"not a table of {', '.join(names)} by update")
        if not rows:
            return {name: {} for name in names}
        updates, *columns = zip(*(row.split(",") for row in rows), strict=True)
        table = {
            name: dict(zip(map(int, updates), map(float, column), strict=True))
            for name, column in zip(names, columns, strict=True)
        }
        for values in table.values():
            if len(values) < len(rows) or not all(map(math.isfinite, values.values())):
                raise ValueError("an update stands there twice, or a value is not finite")
    except (OSError, ValueError) as error:
        raise Damaged(f"{path}: {error}; `dvc repro` makes it again") from None
    return table


def sha256(path: Path) -> str:
    """Return the SHA-256 of the file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
