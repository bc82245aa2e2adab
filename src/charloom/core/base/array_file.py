"""Named arrays in one .npz file, in the format of NumPy's `savez`, with strict validation on reading.

Every array must occur exactly once, uncompressed, and begin with the header of the shape and type that the caller
expects. So the reader parses no header, loads no pickle and decompresses nothing. The archive's CRC-32 detects changed
bytes. The file is read into memory as a whole: with a memory map, an edit of the file could end the process by SIGBUS.
"""

import io
import math
import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO

import numpy as np

from charloom.core.base.types import Array

HEADER = 128  # bytes of the .npy header in front of an array's numbers

Layout = Mapping[str, tuple[tuple[int, ...], Any]]
Take = Callable[[int], Array]  # take(n) returns the next n numbers


def pack(arrays: Mapping[str, Array]) -> bytes:
    """Return the bytes of a .npz file with `arrays`, {name: array}, in C order. Equal arrays give equal bytes.

    The file contains no time stamp and no path.
    """
    content = io.BytesIO()
    rows_first: dict[str, Any] = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    np.savez(content, **rows_first)
    return content.getvalue()


def unpack(file: BinaryIO, layout: Callable[[Mapping[str, int]], Layout]) -> dict[str, Array]:
    """Read a .npz file as `load` does; return {name: array}, where each array is a writable copy.

    Raises ValueError as `load` does, and also if a number is not finite.
    """
    arrays = {name: array.copy() for name, array in load(file, layout).items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} has a number that is not finite")
    return arrays


def load(file: BinaryIO, layout: Callable[[Mapping[str, int]], Layout]) -> dict[str, Array]:
    """Read a .npz file; return {name: array} in the order of the layout: read-only views of the file's content.

    file    the .npz file, open for reading bytes
    layout  a function that gets {name: size of the array's numbers in bytes}, and returns {name: (shape, dtype)}: the
            arrays that the file must contain, in this order; it may raise ValueError

    Raises ValueError, with a message for the user, at the first fault: an array is missing, unexpected, out of order,
    compressed, or of another shape or type, or the archive is damaged.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            expected = layout({member.filename.removesuffix(".npy"): member.file_size - HEADER for member in members})
            if [member.filename for member in members] != [f"{name}.npy" for name in expected]:
                names = ", ".join(ascii(member.filename) for member in members)
                raise ValueError(f"it contains {names or 'nothing'}; expected are the arrays {', '.join(expected)}")
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise ValueError("an array is compressed; allowed are only uncompressed arrays")
            if damaged := archive.testzip():  # compares the CRC-32 of every member
                raise ValueError(f"{damaged} is damaged: it does not match its checksum")
        file.seek(0)
        content = file.read()
    # zipfile raises these for a damaged archive: not an archive, an early end, a negative offset, a truncated field.
    # An encryption flag or an unknown compression method raises RuntimeError.
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, struct.error) as error:
        raise ValueError(str(error)) from None
    arrays: dict[str, Array] = {}
    for member, (name, (shape, dtype)) in zip(members, expected.items(), strict=True):
        # Bytes 26 to 30 of a member's local header are the lengths of its name and of its extra field.
        lengths = struct.unpack_from("<HH", content, member.header_offset + 26)
        start, count = member.header_offset + 30 + sum(lengths) + HEADER, math.prod(shape)
        size = HEADER + count * np.dtype(dtype).itemsize
        if content[start - HEADER : start] != header(shape, dtype) or member.file_size != size:
            raise ValueError(f"{name} is not an array of shape {shape} and type {np.dtype(dtype)}")
        arrays[name] = np.frombuffer(content, dtype, count, start).reshape(shape)
    return arrays


def header(shape: tuple[int, ...], dtype: Any) -> bytes:
    """Return the first HEADER bytes of a .npy file that contains an array of this shape and type in C order."""
    start = io.BytesIO()
    form = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(start, form)
    return start.getvalue()


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
