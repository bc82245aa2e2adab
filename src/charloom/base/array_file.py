"""Named arrays in one .npz file, in the format of NumPy's `savez`, with strict validation on reading.

Every array must occur exactly once, uncompressed, and begin with the header of the shape and type that the caller
expects. So the reader parses no header, loads no pickle, decompresses nothing, and needs at most as much memory as the
file is long. The archive's CRC-32 detects changed bytes. See pieces.py for arrays larger than memory.
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

HEADER = 128  # bytes of the .npy header in front of an array's numbers
Layout = Mapping[str, tuple[tuple[int, ...], Any]]


def pack(arrays: Mapping[str, Array]) -> bytes:
    """Return the bytes of a .npz file with these arrays. Equal arrays give equal bytes: no time stamp, no path."""
    content = io.BytesIO()
    rows_first: dict[str, Any] = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    np.savez(content, **rows_first)
    return content.getvalue()


def unpack(file: BinaryIO, layout: Callable[[Mapping[str, int]], Layout]) -> dict[str, Array]:
    """Return the arrays of the file by name, in the layout's order.

    `layout` gets the size of each array in bytes and returns the shape and type that each array must have. It may
    raise ValueError. Raises ValueError, with a message for the user, at the first fault.
    """
    with checked(file, layout) as (archive, expected):
        return {name: array(archive.read(f"{name}.npy"), name, *form) for name, form in expected.items()}


@contextmanager
def checked(file: BinaryIO, layout: Callable[[Mapping[str, int]], Layout]) -> Iterator[tuple[zipfile.ZipFile, Layout]]:
    """Open the archive and yield it with the expected layout, after a check of the members' names and sizes.

    Raises ValueError as `unpack` does, also if a member that the caller reads inside the `with` block is damaged.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            room = file.seek(0, io.SEEK_END)
            if any(member.compress_type != zipfile.ZIP_STORED or member.file_size > room for member in members):
                raise ValueError("an array is compressed, or larger than the file")
            names = [member.filename for member in members]
            expected = layout({member.filename.removesuffix(".npy"): member.file_size - HEADER for member in members})
            if names != [f"{name}.npy" for name in expected]:
                raise ValueError(f"it holds {', '.join(map(ascii, names)) or 'nothing'}, not {', '.join(expected)}")
            yield archive, expected
    # zipfile raises these for a damaged archive: not an archive, an early end, a negative offset, a truncated field.
    # An encryption flag or an unknown compression method raises RuntimeError.
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, struct.error) as error:
        raise ValueError(str(error)) from None


def header(shape: tuple[int, ...], dtype: Any) -> bytes:
    """Return the HEADER bytes of a .npy file with such an array."""
    start = io.BytesIO()
    form = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(start, form)
    return start.getvalue()


def ensure_form(name: str, head: bytes, size: int, shape: tuple[int, ...], dtype: Any) -> None:
    """Raise ValueError if a member with this header and this size in bytes is not such an array."""
    if head != header(shape, dtype) or size != HEADER + math.prod(shape) * np.dtype(dtype).itemsize:
        raise ValueError(f"{name} is not an array of shape {shape} and type {np.dtype(dtype)}")


def array(member: bytes, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
    """Return the member's array. Raises ValueError if its shape or type differs, or a number is not finite."""
    ensure_form(name, member[:HEADER], len(member), shape, dtype)
    numbers: Array = np.frombuffer(member, dtype, offset=HEADER).reshape(shape).copy()
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} is not finite")
    return numbers
