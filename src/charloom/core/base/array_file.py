"""Named arrays in one .npz file, in the format of NumPy's `savez`, with strict validation on reading.

Every array must occur exactly once, uncompressed, and have the shape and type that the caller expects. No pickle is
loaded and nothing is decompressed. The archive's CRC-32 detects changed bytes. The file is read into memory as a whole:
with a memory map, an edit of the file could end the process by SIGBUS.
"""

import io
import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO

import numpy as np

from charloom.core.base.types import Array

HEADER = 128  # bytes of the .npy header in front of an array's numbers

Arrays = Mapping[str, Array]
Layout = Mapping[str, tuple[tuple[int, ...], Any]]
Take = Callable[[int], Array]  # take(n) returns the next n numbers


def pack(arrays: Arrays) -> bytes:
    """Return the bytes of a .npz file with `arrays`, {name: array}, in C order. Equal arrays give equal bytes.

    The file contains no time stamp and no path.
    """
    content = io.BytesIO()
    rows_first: dict[str, Any] = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    np.savez(content, **rows_first)
    return content.getvalue()


def unpack(file: BinaryIO, layout: Callable[[Arrays], Layout]) -> dict[str, Array]:
    """Read a .npz file as `load` does. Raises ValueError as `load` does, and also if a number is not finite."""
    arrays = load(file, layout)
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} has a number that is not finite")
    return arrays


def load(file: BinaryIO, layout: Callable[[Arrays], Layout]) -> dict[str, Array]:
    """Read a .npz file; return {name: array} in the order of the layout.

    file    the .npz file, open for reading bytes
    layout  a function that gets {name: array}, and returns {name: (shape, dtype)}: the arrays that the file must
            contain, in this order; it may raise ValueError

    Raises ValueError, with a message for the user, at the first fault: an array is missing, unexpected, out of order,
    compressed, or of another shape or type, or the archive is damaged.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = {member.filename: member for member in archive.infolist()}
            if any(member.compress_type != zipfile.ZIP_STORED for member in members.values()):
                raise ValueError("an array is compressed; allowed are only uncompressed arrays")
            if damaged := archive.testzip():  # compares the CRC-32 of every member
                raise ValueError(f"{damaged} is damaged: it does not match its checksum")
            arrays = {name.removesuffix(".npy"): np.lib.format.read_array(archive.open(name)) for name in members}
            names = archive.namelist()
    # zipfile raises these for a damaged archive: not an archive, an early end, a negative offset, a truncated field.
    # An encryption flag or an unknown compression method raises RuntimeError; a forged size, MemoryError.
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, MemoryError, struct.error) as error:
        raise ValueError(str(error)) from None
    expected = layout(arrays)
    if names != [f"{name}.npy" for name in expected]:
        listed = ", ".join(map(ascii, names))
        raise ValueError(f"it contains {listed or 'nothing'}; expected are the arrays {', '.join(expected)}")
    for name, (shape, dtype) in expected.items():
        array, size = arrays[name], members[f"{name}.npy"].file_size
        if (array.shape, array.dtype, array.nbytes + HEADER) != (shape, np.dtype(dtype), size):
            raise ValueError(f"{name} is not an array of shape {shape} and type {np.dtype(dtype)}")
    return arrays


def reader(parts: Iterable[Array]) -> Take:
    """Return the function take(n), which reads a stream of one-dimensional arrays as if they were one array.

    take(n) returns the next n numbers, or fewer at the end of the stream.
    """
    stream, rest = iter(parts), np.empty(0, np.uint8)

    def take(count: int) -> Array:
        nonlocal rest
        arrays = [rest]
        while sum(map(len, arrays)) < count and (part := next(stream, None)) is not None:
            arrays.append(part)
        joined = np.concatenate(arrays)
        rest = joined[count:]
        return joined[:count]

    return take
