"""Arrays that are too long to be read at once, in a file as array_file.py has them: NumPy's `load` reads it too.

One more array ends the file: the SHA-256 of each piece of the others, in order. It says what the file holds, so its
own hash names the whole of it, and a piece is known to be right without the rest being read.
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

Take = Callable[[int], Array]


def taken_from(parts: Iterable[Array]) -> Take:
    """Return a function that takes the next so many numbers of arrays (·,) that come in parts of other lengths.

    It returns fewer where they end.
    """
    waiting, rest = iter(parts), np.empty(0, np.uint8)

    def take(count: int) -> Array:
        nonlocal rest
        have = [rest] if len(rest) else []
        missing = count - len(rest)
        while missing > 0 and (part := next(waiting, None)) is not None:
            have.append(part)
            missing -= len(part)
        joined = np.concatenate(have) if have else rest
        rest = joined[count:]
        return joined[:count]

    return take


def save(file: BinaryIO, arrays: Mapping[str, tuple[int, Any, Take]]) -> None:
    """Write the arrays, each given by its length, its type and what gives its next numbers. Equal ones are equal files.

    Raises ValueError where there are too few.
    """
    hashes = []
    with zipfile.ZipFile(file, "w") as archive:
        for name, (length, dtype, take) in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as to:  # as savez does
                to.write(header((length,), dtype))
                most = PIECE // np.dtype(dtype).itemsize
                for start in range(0, length, most):
                    piece = take(count := min(most, length - start))
                    if len(piece) < count:
                        raise ValueError(f"{name} ends too early")
                    content = np.ascontiguousarray(piece, np.dtype(dtype).newbyteorder("<")).tobytes()
                    to.write(content)
                    hashes.append(hashlib.sha256(content).digest())
        with archive.open(f"{HASHES}.npy", "w", force_zip64=True) as to:
            to.write(header((len(hashes), DIGEST), np.uint8) + b"".join(hashes))


def _pieces(length: int, dtype: Any) -> int:
    """Return how many pieces the array has: all are full, the last one apart."""
    return -(-length * int(np.dtype(dtype).itemsize) // PIECE)


class Pieces:
    """An array (n,) in a file. A slice of it is read, a piece at a time, and each piece checked whenever it is read.

    So what has been checked is what is used, also while the file is written to. A map of it would show what comes in
    between, and end the process where the file is cut. The last piece is kept: whoever reads in order reads it once.
    """

    def __init__(self, path: Path, name: str, start: int, form: tuple[int, Any, int], hashes: Array) -> None:
        """Take where the numbers start in the file; how many, of which type and below what; the SHA-256 of pieces."""
        self.path, self.name, self.start, self.hashes = path, name, start, hashes
        self.length, self.dtype, self.below = form
        self._kept = -1, np.empty(0, self.dtype)

    def __len__(self) -> int:
        """Return n."""
        return self.length

    def __getitem__(self, part: slice) -> Array:
        """Return the numbers from one place to another. Raises Damaged, naming the file, where they are others."""
        start, stop, _ = part.indices(self.length)
        most, numbers = PIECE // self.dtype.itemsize, np.empty(max(stop - start, 0), self.dtype)
        for place in range(start // most, -(-stop // most)):
            first, end = max(start, place * most), min(stop, (place + 1) * most)
            numbers[first - start : end - start] = self._piece(place)[first - place * most : end - place * most]
        return numbers

    def _piece(self, place: int) -> Array:
        """Return the piece of this number."""
        if self._kept[0] != place:
            try:
                with self.path.open("rb") as file:
                    file.seek(self.start + place * PIECE)
                    content = file.read(min(PIECE, self.length * self.dtype.itemsize - place * PIECE))
            except OSError as error:
                raise self._damaged(error.strerror or str(error)) from None
            if hashlib.sha256(content).digest() != self.hashes[place].tobytes():
                raise self._damaged(f"piece {place + 1} of {self.name} is not what its SHA-256 says")
            numbers = np.frombuffer(content, self.dtype.newbyteorder("<"))
            if numbers.max() >= self.below:
                raise self._damaged(f"{self.name} does not hold numbers below {self.below}")
            self._kept = place, numbers
        return self._kept[1]

    def _damaged(self, what: str) -> Damaged:
        return Damaged(f"{self.path}: {what}; `dvc repro` makes it again")


def opened(path: Path, layout: Callable[[Mapping[str, int]], Mapping[str, tuple[int, Any, int]]]) -> dict[str, Pieces]:
    """Return the arrays of the file by name; all but their numbers is checked, these when they are read.

    `layout` gets the size of each array in bytes, and returns how many whole numbers each has to have, of which type,
    and what they are below. Raises ValueError, in words for a user, at the first thing that is wrong.
    """
    forms: dict[str, tuple[int, Any, int]] = {}

    def whole(sizes: Mapping[str, int]) -> Layout:
        forms.update(layout(sizes))
        pieces = sum(_pieces(length, dtype) for length, dtype, _ in forms.values())
        shapes = {name: ((length,), dtype) for name, (length, dtype, _) in forms.items()}
        return shapes | {HASHES: ((pieces, DIGEST), np.uint8)}

    with path.open("rb") as file, checked(file, whole) as (archive, expected):
        hashes, done, found = array(archive.read(f"{HASHES}.npy"), HASHES, *expected[HASHES]), 0, {}
        for name, form in forms.items():
            info = archive.getinfo(f"{name}.npy")
            with archive.open(info) as member:
                head = member.read(HEADER)
            length, dtype, _ = form
            ensure_form(name, head, info.file_size, (length,), dtype)
            file.seek(info.header_offset + 26)  # of the local header: the lengths of its name and of what follows it
            start = info.header_offset + 30 + sum(struct.unpack("<HH", file.read(4))) + HEADER
            pieces = _pieces(length, dtype)
            found[name] = Pieces(path, name, start, form, hashes[done : done + pieces])
            done += pieces
    return found


def fingerprint(path: Path) -> str:
    """Return the file's SHA-256; of one with pieces, that of all from their hashes on, with the archive's directory.

    It differs wherever arrays, names or sizes do, and takes no time: the pieces are checked when they are read.
    """
    if path.suffix == ".npz":
        with suppress(zipfile.BadZipFile, EOFError, OSError, RuntimeError, struct.error), path.open("rb") as file:
            last = zipfile.ZipFile(file).infolist()[-1:]
            if [each.filename for each in last] == [f"{HASHES}.npy"]:
                file.seek(last[0].header_offset)
                return hashlib.file_digest(file, "sha256").hexdigest()
    return sha256(path)
