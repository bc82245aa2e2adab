"""Named arrays in one .npz file, in the format of NumPy's `savez`, with strict validation on reading.

Every array must occur exactly once, uncompressed, and begin with the header of the shape and type that the caller
expects. So the reader parses no header, loads no pickle, decompresses nothing, and needs no more memory than the size
of the file. The archive's CRC-32 detects changed bytes. See pieces.py for arrays larger than memory.
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
    """Return the bytes of a .npz file with these arrays in C order. Equal arrays give equal bytes.

    The file contains no time stamp and no path.
    """
    content = io.BytesIO()
    rows_first: dict[str, Any] = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    np.savez(content, **rows_first)
    return content.getvalue()


def unpack(file: BinaryIO, layout: Callable[[Mapping[str, int]], Layout]) -> dict[str, Array]:
    """Return the arrays of the .npz file by name, in the layout's order.

    `layout` is called with {name: bytes of the array's numbers} and returns {name: (shape, dtype)}, which the file must
    match, also in the order of the arrays. `layout` may raise ValueError.

    Raises ValueError, with a message for the user, at the first fault: an array is missing, unexpected, out of order,
    compressed, of another shape or type, or not finite, or the archive is damaged.
    """
    with checked(file, layout) as (archive, expected):
        return {name: array(archive.read(f"{name}.npy"), name, *form) for name, form in expected.items()}


@contextmanager
def checked(file: BinaryIO, layout: Callable[[Mapping[str, int]], Layout]) -> Iterator[tuple[zipfile.ZipFile, Layout]]:
    """Open the archive, check the members' names and compression, and yield the archive and the expected layout.

    `layout` is described at `unpack`. The caller compares shapes and types. Raises ValueError, with a message for the
    user, if a check fails or the archive is damaged, also if the damage is discovered inside the `with` block.
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
                raise ValueError(f"it contains {', '.join(map(ascii, names)) or 'nothing'}, not {', '.join(expected)}")
            yield archive, expected
    # zipfile raises these for a damaged archive: not an archive, an early end, a negative offset, a truncated field.
    # An encryption flag or an unknown compression method raises RuntimeError.
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, struct.error) as error:
        raise ValueError(str(error)) from None


def header(shape: tuple[int, ...], dtype: Any) -> bytes:
    """Return the first HEADER bytes of a .npy file that contains an array of this shape and type in C order."""
    start = io.BytesIO()
    form = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(start, form)
    return start.getvalue()


def ensure_form(name: str, head: bytes, size: int, shape: tuple[int, ...], dtype: Any) -> None:
    """Raise ValueError unless the header and the size are those of an array with this shape and type.

    head  the first HEADER bytes of the member
    size  bytes of the member, header included

    The message begins with `name`.
    """
    if head != header(shape, dtype) or size != HEADER + math.prod(shape) * np.dtype(dtype).itemsize:
        raise ValueError(f"{name} is not an array of shape {shape} and type {np.dtype(dtype)}")


def array(member: bytes, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
    """Return the array that the bytes of a .npy file contain, as a copy.

    Raises ValueError, with `name`, if the shape or type differs, or if a number is not finite.
    """
    ensure_form(name, member[:HEADER], len(member), shape, dtype)
    numbers: Array = np.frombuffer(member, dtype, offset=HEADER).reshape(shape).copy()
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} has a number that is not finite")
    return numbers
