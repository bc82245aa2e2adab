"""Files: atomic writes, locks, JSON and CSV files, lines of JSON with a checksum, and hashes.

The operating system releases a lock when its holder ends, also after a crash or SIGKILL.
"""

import csv
import errno
import fcntl
import hashlib
import io
import json
import math
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from filelock import FileLock, Timeout
from pydantic import BaseModel, ValidationError

from charloom.core.base.errors import Damaged, Unavailable, WrongInput

LARGEST_TEXT = 1_000_000_000  # bytes
SEAL = 16  # hexadecimal digits of the checksum of a line
SchemaType = TypeVar("SchemaType", bound=BaseModel)
Cells = dict[str, str]  # by column
written: dict[str, str] = {}  # the SHA-256 of each file that this process has written, by path


def write(path: Path, content: str | bytes) -> None:
    """Write the file atomically; encode a str as UTF-8. Raises the same exceptions as `atomic_file`."""
    with atomic_file(path) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Write the file atomically: yield a temporary file; then fsync, rename it to `path`, fsync the folder.

    Every write has its own temporary file, so processes and hosts may write the same path: the last rename wins.
    A killed process leaves its temporary file, which Git and DVC ignore; `make clean` removes it.

    Raises Unavailable, with the path, instead of an OSError. Any other exception of the `with` block is raised as it
    is. After an exception, an existing file at `path` has its old content.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        written[str(path)] = sha256(temporary)  # before another process can edit the file
        temporary.replace(path)
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}: not written; an existing file keeps its content") from None
    finally:
        with suppress(OSError):  # after the rename, and if open() failed, there is no temporary file
            temporary.unlink()
    with suppress(OSError):  # some file systems cannot sync a folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # makes the rename durable
        finally:
            os.close(folder)


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON atomically: keys in the given order, floats in full precision.

    Raises ValueError for NaN and infinities, and Unavailable as `atomic_file` does.
    """
    write(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, schema: type[SchemaType], remedy: str = "`dvc repro` makes it again") -> SchemaType:
    """Return the content of the JSON file, validated as the class `schema`.

    remedy  the end of the message for the user: how to restore the file

    Raises Damaged, with the path and `remedy`, if the file cannot be read or is invalid.
    """
    try:
        return schema.model_validate_json(path.read_bytes())
    except OSError as error:
        raise Damaged(f"{path}: {error.strerror}; {remedy}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise Damaged(f"{path}: {f'{key}: ' if key else ''}{first['msg']}; {remedy}") from None


def write_table(path: Path, names: tuple[str, ...], rows: Mapping[int, Iterable[float]]) -> None:
    """Write a CSV table atomically: header `update,<name>,…`, one line per update, floats in full precision.

    rows  {update: values in the order of `names`}
    """
    lines = (",".join([str(update), *(repr(float(value)) for value in row)]) for update, row in rows.items())
    write(path, "\n".join([",".join(("update", *names)), *lines, ""]))


def read_table(path: Path, *names: str, may_be_empty: bool = False) -> dict[str, dict[int, float]]:
    """Return the columns of a table from `write_table`: {name: {update: value}}.

    may_be_empty  whether a table without rows is allowed

    Raises Damaged, with the path, if the file cannot be read, if `columns_of` finds an error in the content, or if the
    table has no rows but may not be empty.
    """
    try:
        table = columns_of(path.read_bytes(), names)
        if not (may_be_empty or all(table.values())):
            raise ValueError("the table has no row")
    except (OSError, ValueError) as error:
        raise Damaged(f"{path}: {error}; `dvc repro` makes the file again") from None
    return table


def columns_of(content: bytes, names: Iterable[str]) -> dict[str, dict[int, float]]:
    """Return columns of a CSV table, the content of a file: {name of the column: {update: value}}.

    Raises ValueError if the content is not a CSV table with the columns `update` and `names`, an update occurs twice,
    or a value is not a finite number.
    """
    head, rows = _csv(content, ("update", *names))
    columns = {name: [cells[n] for cells in rows.values()] for n, name in enumerate(head)}
    updates = list(map(int, columns["update"]))
    table = {name: dict(zip(updates, map(float, columns[name]), strict=True)) for name in names}
    for values in table.values():
        if len(values) < len(rows) or not all(map(math.isfinite, values.values())):
            raise ValueError("an update occurs twice, or a value is not finite; allowed is one finite value per update")
    return table


def csv_rows(content: bytes, names: Collection[str]) -> dict[int, Cells]:
    """Return the rows of a CSV table by line number: {2: {column: cell}, …}. Line 1 is the header.

    names  the columns that the table must have, each once; further columns and empty lines are allowed

    Raises ValueError if the content is empty, not UTF-8 or not CSV, if a column is missing or occurs twice, or if a row
    has too few or too many cells.
    """
    head, rows = _csv(content, names)
    return {line: dict(zip(head, cells, strict=True)) for line, cells in rows.items()}


def _csv(content: bytes, names: Collection[str]) -> tuple[list[str], dict[int, list[str]]]:
    """Return the names of the columns, and the cells of each row by line number. See `csv_rows`."""
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    try:
        head, *rows = list(reader) or [[]]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: not CSV: {error}") from None
    lines = {line: cells for line, cells in enumerate(rows, 2) if cells}
    if missing := [name for name in names if head.count(name) != 1]:
        raise ValueError(f"column {missing[0]} is missing, or occurs twice")
    if uneven := [line for line, cells in lines.items() if len(cells) != len(head)]:
        raise ValueError(f"line {uneven[0]}: the row has more or fewer cells than line 1, the header")
    return head, lines


def sealed(content: Any) -> str:
    """Return a line of text: `content` as JSON, a tab, the first SEAL digits of the JSON's SHA-256, and a newline."""
    line = json.dumps(content)
    return f"{line}\t{hashlib.sha256(line.encode()).hexdigest()[:SEAL]}\n"


def unsealed(line: bytes) -> Any:
    """Decode a line that `sealed` returned, without its newline: return the content.

    A line without checksum is accepted, because older versions wrote such lines. Raises ValueError if the checksum does
    not match the JSON, or if the JSON is invalid.
    """
    content, tab, digest = line.partition(b"\t")  # JSON escapes a tab, so this is the first one
    if tab and digest.decode() != hashlib.sha256(content).hexdigest()[:SEAL]:
        raise ValueError("the checksum of a line does not match its content")
    return json.loads(content)


def sha256(path: Path) -> str:
    """Return the SHA-256 of the file as 64 hexadecimal digits. Raises OSError if it is missing or no regular file."""
    if path.exists() and not path.is_file():  # reading a FIFO or a device could last forever
        raise OSError(errno.EINVAL, "not a file", str(path))
    with path.open("rb") as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:  # without the file's name
            raise OSError(error.errno, error.strerror, str(path)) from None


def sha256_of_text(path: Path) -> str:
    """Return the SHA-256 of the text file. Raises OSError as `sha256` does, WrongInput as `ensure_text_size` does."""
    ensure_text_size(path, path.stat().st_size)
    return sha256(path)


def ensure_text_size(path: Path, size: int) -> None:
    """Raise WrongInput if `size`, the size in bytes of the text file `path`, is larger than LARGEST_TEXT."""
    if size > LARGEST_TEXT:
        raise WrongInput(f"{path}: {size:,} bytes; allowed are at most {LARGEST_TEXT:,}")


def is_held(path: Path) -> bool:
    """Return whether a process holds the lock file `path`. If not, remove the file: a killed process has left it.

    Returns False if there is no lock file, or if it cannot be opened. A missing file is not created: a process that
    starts at this moment would find it locked.
    """
    with suppress(OSError):
        try:
            with FileLock(path.resolve(strict=True)).acquire(blocking=False):
                path.unlink()
        except Timeout:
            return True
    return False


@contextmanager
def exclusive(path: Path, activity: str, patience: float = 0) -> Iterator[None]:
    """Hold the lock file `path` in a `with` block. The file contains this process's number and is removed afterwards.

    activity  what the holder runs, for the message, such as "this study"
    patience  seconds to wait for the lock

    Raises Unavailable, with the holder's process number if known, if another process holds the lock. Raises Unavailable
    if the file or its folder cannot be created.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(path).acquire(timeout=patience)
    except Timeout:
        holder = "with an unknown id"
        with suppress(OSError):  # the holder removes the file when it releases the lock
            holder = path.read_text(encoding="ascii") or holder
        raise Unavailable(f"busy: process {holder} runs {activity}; wait until it has ended, or end it") from None
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}; charloom must be able to write there") from None
    with held:
        path.write_text(str(os.getpid()), encoding="ascii")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # FileLock notices a removed file and creates it again


def append(path: Path, lines: Iterable[Any], *, create: bool = False) -> None:
    """Append each item of `lines` to the file, as a line of JSON with a checksum: see `sealed`.

    create  whether to create a missing file and its folder; if False, a missing file raises FileNotFoundError

    A newline comes first, because a killed process may have left an unfinished line. Raises OSError if the file cannot
    be written.
    """
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
    with open_locked(path, os.O_CREAT if create else 0) as file:
        file.write(("\n" + "".join(map(sealed, lines))).encode())


@contextmanager
def open_locked(path: Path, flags: int = 0) -> Iterator[BinaryIO]:
    """Open the file for appending, wait for an exclusive lock on it, and yield it.

    flags  further flags for os.open, such as os.O_CREAT

    Raises FileNotFoundError if the file is missing, or was removed before the lock was taken. Raises another
    OSError if the file cannot be opened.
    """
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | flags, 0o666), "ab", 0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
            raise FileNotFoundError(f"{path}: another file replaced it before it was locked")
        yield file
