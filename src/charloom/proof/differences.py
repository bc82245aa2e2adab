"""What differs between a committed file and the one that was made again, in a line that says where, and how far."""

import io
import json
import zipfile
from collections.abc import Iterator
from os.path import commonprefix
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from charloom.base.terminal import in_line

LONG = 40  # characters of a value that are shown
BESIDE = 12  # characters before the first that differs in a text
NOTHING = object()  # in place of a value that is not there


def difference(committed: dict[str, bytes], rebuilt: dict[str, bytes]) -> str:
    """Return the first difference of a file, or of a folder's files, and how many more there are; or an empty text."""
    if committed == rebuilt:
        return ""
    one, other = values(committed), values(rebuilt)
    differ = [key for key in one | other if one.get(key, NOTHING) != other.get(key, NOTHING)]
    if not differ:
        return "the same values, written in another way"
    names, more = list(committed | rebuilt), len(differ) - 1
    where = differ[0] if len(names) > 1 else differ[0].removeprefix(f"{names[0]}: ")
    said = _beside(*(side.get(differ[0], NOTHING) for side in (one, other)))
    return f"{in_line(where)}: {said}" + (f"; and {more:,} more value{'' if more == 1 else 's'}" if more else "")


def values(files: dict[str, bytes]) -> dict[str, Any]:
    """Return all that the files hold, by file and place in it: `train.json: updates`.

    That is the leaves of JSON, the numbers of a table, the arrays of an archive, and of another text its lines.
    """
    return {f"{name}: {key}": value for name, content in files.items() for key, value in _values(name, content)}


def _values(name: str, content: bytes) -> list[tuple[str, Any]]:
    try:
        match PurePosixPath(name).suffix:
            case ".json":
                return list(_leaves(json.loads(content)))
            case ".csv":
                head, *rows = (line.split(",") for line in content.decode().splitlines())
                cells = ((row[0], *cell) for row in rows for cell in zip(head[1:], row[1:], strict=True))
                return [(f"{head[0]} {row}: {column}", float(cell) if cell else None) for row, column, cell in cells]
            case ".npz":
                with np.load(io.BytesIO(content)) as arrays:
                    return [(key, (each.dtype, each.shape, each.tobytes())) for key, each in arrays.items()]
    except (ValueError, LookupError, TypeError, OSError, EOFError, zipfile.BadZipFile, RecursionError):
        pass  # it is not what its name says
    lines = content.decode(errors="surrogateescape").splitlines() or [""]
    return [(f"line {number}", line) for number, line in enumerate(lines, 1)]


def _leaves(nested: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield all that JSON holds by dotted keys and places in lists."""
    if not isinstance(nested, dict | list) or (prefix and not nested):
        yield prefix.removesuffix(".") or "the file", nested
        return
    for key, each in nested.items() if isinstance(nested, dict) else enumerate(nested):
        yield from _leaves(each, f"{prefix}{key}.")


def _beside(one: Any, other: Any) -> str:
    """Return both values, texts from shortly before the place where they part; of arrays how far they are apart."""
    match one, other:
        case (dtype, shape, first), (*form, second) if form == [dtype, shape] and dtype.kind in "biuf":
            arrays = np.frombuffer(first, dtype), np.frombuffer(second, dtype)
            count, far = np.count_nonzero(arrays[0] != arrays[1]), np.abs(np.subtract(*arrays, dtype=float)).max()
            return f"{count:,} of {arrays[0].size:,} entries, by up to {far:.3g}"
        case str(), str():
            start = max(len(commonprefix([one, other])) - BESIDE, 0)  # noqa: RUF071  of texts, not of paths
            one, other = (each[start : start + LONG] for each in (one, other))
    return f"committed {_shown(one)}, rebuilt {_shown(other)}"


def _shown(value: Any) -> str:
    texts = repr(value) if isinstance(value, str) else "nothing" if value is NOTHING else ""
    line = in_line(texts or (f"{value[1]} of {value[0]}" if isinstance(value, tuple) else json.dumps(value)))
    return line if len(line) <= LONG else f"{line[: LONG - 1]}…"
