"""One-dimensional arrays larger than memory, in a .npz file as in array_file.py. NumPy's `load` also reads the file.

An array is written in pieces of PIECE bytes; its last piece may be shorter. The last array of the file, `sha256`, has
the SHA-256 of every piece of the other arrays, in order. So one piece can be verified without reading the rest, and a
hash of the last array identifies the content of the file.
"""

import hashlib
import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from charloom.base.array_file import HEADER, Layout, array, checked, ensure_form, header
from charloom.base.errors import Damaged
from charloom.base.storage import sha256
from charloom.base.types import Array

PIECE = 2**20  # bytes
HASHES = "sha256"
DIGEST = hashlib.sha256().digest_size

Take = Callable[[int], Array]  # take(n) returns the next n numbers


def reader(parts: Iterable[Array]) -> Take:
    """Return the function take(n), which reads a stream of one-dimensional arrays as if they were one array.

    take(n) returns the next n numbers, or fewer at the end of the stream.
    """
    stream, rest = iter(parts), np.empty(0, np.uint8)

    def take(count: int) -> Array:
        nonlocal rest
        arrays = [rest] if len(rest) else []
        missing = count - len(rest)
        while missing > 0 and (part := next(stream, None)) is not None:
            arrays.append(part)
            missing -= len(part)
        joined = np.concatenate(arrays) if arrays else rest
        rest = joined[count:]
        return joined[:count]

    return take


def save(file: BinaryIO, arrays: Mapping[str, tuple[int, Any, Take]]) -> None:
    """Write the arrays and their hashes to a .npz file, piece by piece. Equal arrays give equal bytes.

    arrays  {name: (length, dtype, take)}, where take(n) returns the next n numbers of the array

    Raises ValueError if a `take` returns fewer numbers than requested.
    """
    hashes = []
    with zipfile.ZipFile(file, "w") as archive:
        for name, (length, dtype, take) in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:  # as NumPy's savez
                member.write(header((length,), dtype))
                numbers_in_piece = PIECE // np.dtype(dtype).itemsize
                for start in range(0, length, numbers_in_piece):
                    piece = take(count := min(numbers_in_piece, length - start))
                    if len(piece) < count:
                        raise ValueError(f"{name} ends too early")
                    content = np.ascontiguousarray(piece, np.dtype(dtype).newbyteorder("<")).tobytes()
                    member.write(content)
                    hashes.append(hashlib.sha256(content).digest())
        with archive.open(f"{HASHES}.npy", "w", force_zip64=True) as member:
            member.write(header((len(hashes), DIGEST), np.uint8) + b"".join(hashes))


def _pieces(length: int, dtype: Any) -> int:
    """Return the number of pieces of an array with this length and dtype."""
    return -(-length * int(np.dtype(dtype).itemsize) // PIECE)


class Pieces:
    """An array of integers (n,) in a file. Slicing reads the needed pieces from the file and verifies their SHA-256.

    So the numbers in use are always verified, even if another process writes to the file. A memory map would show such
    writes, and end the process if the file is truncated. The piece that was read last is cached, so sequential reading
    reads a piece once.
    """

    def __init__(self, path: Path, name: str, start: int, form: tuple[int, Any, int], hashes: Array) -> None:
        """Store the description of the array. No number is read.

        name    the array's name, for messages
        start   offset in the file of the first number, in bytes
        form    length, dtype, and a bound: every number must be below it
        hashes  (pieces, DIGEST) SHA-256 of every piece, as bytes
        """
        self.path, self.name, self.start, self.hashes = path, name, start, hashes
        self.length, self.dtype, self.below = form
        self._cached = -1, np.empty(0, self.dtype)  # the number of the last piece read, and its numbers

    def __len__(self) -> int:
        """Return n, the number of integers."""
        return self.length

    def __getitem__(self, part: slice) -> Array:
        """Return the numbers of the slice; its step is ignored.

        Raises Damaged, with the path, if the file cannot be read, a hash differs, or a number is not below the bound.
        """
        start, stop, _ = part.indices(self.length)
        size, numbers = PIECE // self.dtype.itemsize, np.empty(max(stop - start, 0), self.dtype)
        for place in range(start // size, -(-stop // size)):
            first, end = max(start, place * size), min(stop, (place + 1) * size)
            numbers[first - start : end - start] = self._piece(place)[first - place * size : end - place * size]
        return numbers

    def _piece(self, place: int) -> Array:
        """Return the numbers of the piece with this index, from the cache or the file. Raises Damaged."""
        if self._cached[0] != place:
            try:
                with self.path.open("rb") as file:
                    file.seek(self.start + place * PIECE)
                    content = file.read(min(PIECE, self.length * self.dtype.itemsize - place * PIECE))
            except OSError as error:
                raise self._damaged(error.strerror or str(error)) from None
            if hashlib.sha256(content).digest() != self.hashes[place].tobytes():
                raise self._damaged(f"piece {place + 1} of {self.name} does not match its SHA-256")
            numbers = np.frombuffer(content, self.dtype.newbyteorder("<"))
            if numbers.max() >= self.below:
                raise self._damaged(f"{self.name} has numbers that are not below {self.below}")
            self._cached = place, numbers
        return self._cached[1]

    def _damaged(self, reason: str) -> Damaged:
        return Damaged(f"{self.path}: {reason}; `dvc repro` makes the file again")


def load(path: Path, layout: Callable[[Mapping[str, int]], Mapping[str, tuple[int, Any, int]]]) -> dict[str, Pieces]:
    """Return the arrays of the file by name. Headers and sizes are validated now, the numbers when they are read.

    `layout` is called with {name: bytes of the array's numbers} and returns {name: (length, integer dtype, bound)},
    which the file must match. Every number must be below the bound.

    Raises ValueError, with a message for the user, at the first fault, and OSError if the file cannot be opened.
    """
    forms: dict[str, tuple[int, Any, int]] = {}

    def whole(sizes: Mapping[str, int]) -> Layout:
        forms.update(layout(sizes))
        pieces = sum(_pieces(length, dtype) for length, dtype, _ in forms.values())
        shapes = {name: ((length,), dtype) for name, (length, dtype, _) in forms.items()}
        return shapes | {HASHES: ((pieces, DIGEST), np.uint8)}

    with path.open("rb") as file, checked(file, whole) as (archive, expected):
        hashes, first, arrays = array(archive.read(f"{HASHES}.npy"), HASHES, *expected[HASHES]), 0, {}
        for name, form in forms.items():
            info = archive.getinfo(f"{name}.npy")
            with archive.open(info) as member:
                head = member.read(HEADER)
            length, dtype, _ = form
            ensure_form(name, head, info.file_size, (length,), dtype)
            file.seek(info.header_offset + 26)  # the local header's two lengths: of the name and of the extra field
            start = info.header_offset + 30 + sum(struct.unpack("<HH", file.read(4))) + HEADER
            pieces = _pieces(length, dtype)
            arrays[name] = Pieces(path, name, start, form, hashes[first : first + pieces])
            first += pieces
    return arrays


def fingerprint(path: Path) -> str:
    """Return a SHA-256, in hexadecimal digits, that identifies the file's content.

    If the file has pieces, only its last array, `sha256`, and the archive's directory are hashed. That is fast, and the
    result differs if an array, a name or a size differs. Any other file is hashed as a whole.
    """
    if path.suffix == ".npz":
        with suppress(zipfile.BadZipFile, EOFError, OSError, RuntimeError, struct.error), path.open("rb") as file:
            last = zipfile.ZipFile(file).infolist()[-1:]
            if [member.filename for member in last] == [f"{HASHES}.npy"]:
                file.seek(last[0].header_offset)
                return hashlib.file_digest(file, "sha256").hexdigest()
    return sha256(path)
