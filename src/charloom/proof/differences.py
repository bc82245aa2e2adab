"""The rows of a comparison, and the difference between a committed and a rebuilt file in one line.

Such a line has the first place that differs, both values, and the distance of numeric arrays.
"""

import io
import json
import zipfile
from collections.abc import Iterable
from os.path import commonprefix
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from charloom.base.terminal import in_line
from dvc_summary.locks import leaves

LONG = 40  # characters of a value in a line, at most
CONTEXT = 12  # characters before the first difference of two texts
NOTHING = object()  # stands for a missing value
SAME = "same"


class Row(NamedTuple):
    """The result of comparing a file, or a hash of the signature, with the committed one.

    stage  name of the stage that makes the file; `signature` for a hash
    file   path of the file, or name of the hash
    what   description of the difference; "" if there is none
    """

    stage: str
    file: str
    what: str

    def __str__(self) -> str:
        """Return the line for the user: `same  train: metrics/train.json`, or `DIFFERENT  …` with the description."""
        start = f"{self.stage}: {self.file}"
        return f"DIFFERENT  {start}: {self.what}" if self.what else f"{SAME}  {start}"


def last_line(rows: Iterable[Row]) -> str:
    """Return the last line of a comparison: `first difference: <stage>: <file>`, or `same` if nothing differs."""
    return next((f"first difference: {row.stage}: {row.file}" for row in rows if row.what), SAME)


def difference(committed: dict[str, bytes], rebuilt: dict[str, bytes]) -> str:
    """Return a line with the first difference and the number of further ones, or "" if the contents are equal.

    If the bytes differ and all values are equal, the line says so. Each argument has the content of one file, or of all
    files in a folder, by name.
    """
    if committed == rebuilt:
        return ""
    one, other = values(committed), values(rebuilt)
    differ = [key for key in one | other if one.get(key, NOTHING) != other.get(key, NOTHING)]
    if not differ:
        return "the same values in another notation"
    names, more = list(committed | rebuilt), len(differ) - 1
    where = differ[0] if len(names) > 1 else differ[0].removeprefix(f"{names[0]}: ")
    both = _both_values(*(side.get(differ[0], NOTHING) for side in (one, other)))
    return f"{in_line(where)}: {both}" + (f"; and {more:,} more value{'' if more == 1 else 's'}" if more else "")


def values(files: dict[str, bytes]) -> dict[str, Any]:
    """Return the values in the files by a key such as `train.json: updates`. The argument has file contents by name.

    There is a value for each leaf of JSON, each cell of CSV, and each array of .npz. A cell is a number, and None if it
    is empty. Any other file, and a file that cannot be parsed, has a value for each line.
    """
    return {f"{name}: {key}": value for name, content in files.items() for key, value in _values(name, content)}


def _values(name: str, content: bytes) -> list[tuple[str, Any]]:
    try:
        match PurePosixPath(name).suffix:
            case ".json":
                pairs = leaves(json.loads(content), lists=True)
                return [(key or "the file", value) for key, value in pairs if key or value not in ({}, [])]
            case ".csv":
                head, *rows = (line.split(",") for line in content.decode().splitlines())
                cells = ((row[0], *cell) for row in rows for cell in zip(head[1:], row[1:], strict=True))
                return [(f"{head[0]} {row}: {column}", float(cell) if cell else None) for row, column, cell in cells]
            case ".npz":
                with np.load(io.BytesIO(content)) as arrays:
                    return [(key, (array.dtype, array.shape, array.tobytes())) for key, array in arrays.items()]
    except (ValueError, LookupError, TypeError, OSError, EOFError, zipfile.BadZipFile, RecursionError):
        pass  # not in the format of its suffix: treat it as a text
    lines = content.decode(errors="surrogateescape").splitlines() or [""]
    return [(f"line {number}", line) for number, line in enumerate(lines, 1)]


def _both_values(one: Any, other: Any) -> str:
    """Describe two different values, the committed and the rebuilt one; NOTHING stands for a missing value.

    LONG characters of a text are shown, from CONTEXT characters before the first difference. For two numeric arrays of
    equal shape and type, the result is the number of different entries and their largest distance.
    """
    match one, other:
        case (dtype, shape, first), (*form, second) if form == [dtype, shape] and dtype.kind in "biuf":
            arrays = np.frombuffer(first, dtype), np.frombuffer(second, dtype)
            count, far = np.count_nonzero(arrays[0] != arrays[1]), np.abs(np.subtract(*arrays, dtype=float)).max()
            return f"{count:,} of {arrays[0].size:,} entries, by up to {far:.3g}"
        case str(), str():
            start = max(len(commonprefix([one, other])) - CONTEXT, 0)  # noqa: RUF071  texts, not paths
            one, other = (text[start : start + LONG] for text in (one, other))
    return f"committed {_shown(one)}, rebuilt {_shown(other)}"


def _shown(value: Any) -> str:
    texts = repr(value) if isinstance(value, str) else "nothing" if value is NOTHING else ""
    line = in_line(texts or (f"{value[1]} of {value[0]}" if isinstance(value, tuple) else json.dumps(value)))
    return line if len(line) <= LONG else f"{line[: LONG - 1]}…"
