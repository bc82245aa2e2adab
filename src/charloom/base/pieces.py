"""One-dimensional arrays larger than memory, in a .npz file as in array_file.py. NumPy's `load` also reads the file.

An array is written in pieces of PIECE bytes; its last piece may be shorter.
"""

import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from charloom.base.array_file import HEADER, Layout, checked, ensure_form, header
from charloom.base.errors import Damaged
from charloom.base.types import Array

PIECE = 2**20  # bytes

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
    """Write the arrays to a .npz file, piece by piece. Equal arrays give equal bytes.

    arrays  {name: (length, dtype, take)}, where take(n) returns the next n numbers of the array

    Raises ValueError if a `take` returns fewer numbers than requested.
    """
    with zipfile.ZipFile(file, "w") as archive:
        for name, (length, dtype, take) in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:  # as NumPy's savez
                member.write(header((length,), dtype))
                numbers_in_piece = PIECE // np.dtype(dtype).itemsize
                for start in range(0, length, numbers_in_piece):
                    piece = take(count := min(numbers_in_piece, length - start))
                    if len(piece) < count:
                        raise ValueError(f"{name} ends too early")
                    member.write(np.ascontiguousarray(piece, np.dtype(dtype).newbyteorder("<")).tobytes())


class Pieces:
    """An array of integers (n,) in a file. Slicing reads the needed numbers from the file.

    A memory map would end the process if the file is truncated.
    """

    def __init__(self, path: Path, name: str, start: int, length: int, dtype: Any, below: int) -> None:
        """Store the description of the array. No number is read.

        name   the array's name, for messages
        start  offset in the file of the first number, in bytes
        below  a bound: every number must be below it
        """
        self.path, self.name, self.start, self.length, self.dtype, self.below = path, name, start, length, dtype, below

    def __len__(self) -> int:
        """Return n, the number of integers."""
        return self.length

    def __getitem__(self, part: slice) -> Array:
        """Return the numbers of the slice; its step is ignored.

        Raises Damaged, with the path, if the file cannot be read, ends too early, or a number is not below the bound.
        """
        start, stop, _ = part.indices(self.length)
        count = max(stop - start, 0)
        try:
            with self.path.open("rb") as file:
                file.seek(self.start + start * self.dtype.itemsize)
                numbers: Array = np.fromfile(file, self.dtype.newbyteorder("<"), count)
        except OSError as error:
            raise self._damaged(error.strerror or str(error)) from None
        if len(numbers) < count:
            raise self._damaged(f"{self.name} ends too early")
        if count and numbers.max() >= self.below:
            raise self._damaged(f"{self.name} has numbers that are not below {self.below}")
        return numbers.astype(self.dtype, copy=False)

    def _damaged(self, reason: str) -> Damaged:
        return Damaged(f"{self.path}: {reason}; `dvc repro` makes the file again")


def load(path: Path, layout: Callable[[Mapping[str, int]], Mapping[str, tuple[int, Any, int]]]) -> dict[str, Pieces]:
    """Return the arrays of the file by name. The archive is verified now, the bounds when numbers are read.

    `layout` is called with {name: bytes of the array's numbers} and returns {name: (length, integer dtype, bound)},
    which the file must match. Every number must be below the bound.

    Raises ValueError, with a message for the user, at the first fault, and OSError if the file cannot be opened.
    """
    forms: dict[str, tuple[int, Any, int]] = {}

    def whole(sizes: Mapping[str, int]) -> Layout:
        forms.update(layout(sizes))
        return {name: ((length,), dtype) for name, (length, dtype, _) in forms.items()}

    arrays: dict[str, Pieces] = {}
    with path.open("rb") as file, checked(file, whole) as (archive, expected):
        for name, form in expected.items():
            info = archive.getinfo(f"{name}.npy")
            with archive.open(info) as member:
                ensure_form(name, member.read(HEADER), info.file_size, *form)
            file.seek(info.header_offset + 26)  # the local header's two lengths: of the name and of the extra field
            start = info.header_offset + 30 + sum(struct.unpack("<HH", file.read(4))) + HEADER
            arrays[name] = Pieces(path, name, start, *forms[name])
        if damaged := archive.testzip():  # compares the CRC-32 of every member
            raise ValueError(f"{damaged} is damaged: it does not match its checksum")
    return arrays
