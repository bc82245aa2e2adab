"""Named arrays in one file: what NumPy's savez writes, and nothing else when read.

A file is checked before it is used. Each array has to be there once, uncompressed, and has to begin with the header of
the shape and type that the caller expects. So no header is parsed, no pickle is read, nothing expands, and no more
memory is taken than the file is long. The archive's CRC-32 finds bytes that have changed on the disk.
pieces.py is about arrays that are too long to be read at once.
"""

import io
import math
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from charloom.base.types import Array

HEADER = 128  # bytes before an array's numbers
Layout = Mapping[str, tuple[tuple[int, ...], Any]]


def pack(arrays: Mapping[str, Array]) -> bytes:
    """Return the file. Equal arrays give equal files: no time and no path go in."""
    content = io.BytesIO()
    rows_first: dict[str, Any] = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    np.savez(content, **rows_first)
    return content.getvalue()


def unpack(file: BinaryIO, layout: Callable[[Mapping[str, int]], Layout]) -> dict[str, Array]:
    """Return the arrays of the file by name, in the layout's order.

    `layout` gets the size of each array in bytes, and returns the shape and type that each has to have.
    Raises ValueError, in words for a user, at the first thing that is wrong. `layout` may raise it too.
    """
    with checked(file, layout) as (archive, expected):
        return {name: array(archive.read(f"{name}.npy"), name, *form) for name, form in expected.items()}


@contextmanager
def checked(file: BinaryIO, layout: Callable[[Mapping[str, int]], Layout]) -> Iterator[tuple[zipfile.ZipFile, Layout]]:
    """Give the archive and what the layout expects of it: the members are those, stored, none beyond the file.

    Raises ValueError as `unpack` does, also for what is damaged in a member that is read meanwhile.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            room = file.seek(0, io.SEEK_END)
            if any(each.compress_type != zipfile.ZIP_STORED or each.file_size > room for each in members):
                raise ValueError("it holds something compressed, or larger than the file")
            names = [each.filename for each in members]
            expected = layout({each.filename.removesuffix(".npy"): each.file_size - HEADER for each in members})
            if names != [f"{name}.npy" for name in expected]:
                raise ValueError(f"it holds {', '.join(map(ascii, names)) or 'nothing'}, not {', '.join(expected)}")
            yield archive, expected
    # What zipfile raises on damage: no archive, an early end, an offset below 0, a field cut short; and a RuntimeError
    # for a flag of encryption or an unknown compression.
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, struct.error) as error:
        raise ValueError(str(error)) from None


def header(shape: tuple[int, ...], dtype: Any) -> bytes:
    """Return the HEADER bytes that stand before the numbers of such an array."""
    start = io.BytesIO()
    form = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(start, form)
    return start.getvalue()


def ensure_form(name: str, head: bytes, size: int, shape: tuple[int, ...], dtype: Any) -> None:
    """Raise ValueError where a member that begins so, of so many bytes, is not such an array."""
    if head != header(shape, dtype) or size != HEADER + math.prod(shape) * np.dtype(dtype).itemsize:
        raise ValueError(f"{name} is not an array of shape {shape} and type {np.dtype(dtype)}")


def array(member: bytes, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
    """Return the array that the member holds. Raises ValueError where it is another, or not finite."""
    ensure_form(name, member[:HEADER], len(member), shape, dtype)
    numbers: Array = np.frombuffer(member, dtype, offset=HEADER).reshape(shape).copy()
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} is not finite")
    return numbers
