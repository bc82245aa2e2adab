"""What differs between a committed file and the one that was made again, in a line that says where, and how far."""

import io
import json
import zipfile
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from charloom.base.terminal import in_line
from charloom.base.types import Array
from charloom.settings.params import flat

FEW = 3  # arrays that are named
LONG = 40  # characters of a value that are shown
BESIDE = 12  # characters before the first that differs in a text


def difference(committed: dict[str, bytes], rebuilt: dict[str, bytes]) -> str:
    """Return it, of a file or of the files of a folder; an empty text where there is none.

    Of JSON it is the first key, of a table the first row, of arrays which and how far, of another text the first line.
    """
    names = [name for name in committed | rebuilt if committed.get(name) != rebuilt.get(name)]
    if not names:
        return ""
    if missing := [name for name in names if name not in rebuilt]:
        return f"{in_line(missing[0])}: committed, not made again"
    if added := [name for name in names if name not in committed]:
        return f"{in_line(added[0])}: made again, not committed"
    first = names[0]
    said = of_file(first, committed[first], rebuilt[first])
    return f"{in_line(first)}: {said}{_more(len(names), 'file')}" if len(committed) > 1 else said


def of_file(name: str, committed: bytes, rebuilt: bytes) -> str:
    """Return the first difference of two contents that differ."""
    try:
        match PurePosixPath(name).suffix:
            case ".json":
                return _of_json(committed, rebuilt)
            case ".csv":
                return _of_table(committed.decode(), rebuilt.decode())
            case ".npz":
                return _of_arrays(committed, rebuilt)
            case _:
                return _of_lines(committed.decode(), rebuilt.decode())
    except (ValueError, LookupError, TypeError, OSError, EOFError, zipfile.BadZipFile, RecursionError):
        return _of_bytes(committed, rebuilt)  # one is not what its name says


def numbers(name: str, content: bytes) -> dict[str, float]:
    """Return every number of a JSON file or a table, by key, or by row and column. Raises ValueError at other texts."""
    if name.endswith(".json"):
        leaves = _leaves(json.loads(content))
        return {key: float(value) for key, value in leaves.items() if isinstance(value, int | float)}
    head, *rows = (line.split(",") for line in content.decode().splitlines())
    return {f"{row[0]} {column}": float(cell) for row in rows for column, cell in zip(head, row, strict=True) if cell}


def _of_json(committed: bytes, rebuilt: bytes) -> str:
    values = _leaves(json.loads(committed)), _leaves(json.loads(rebuilt))
    differ = [key for key in values[0] | values[1] if values[0].get(key, values) != values[1].get(key, values)]
    if not differ:
        return "the same values, written in another way"
    return f"{in_line(differ[0])}: {_both(*(_shown(each, differ[0]) for each in values))}{_more(len(differ), 'value')}"


def _leaves(value: Any) -> dict[str, Any]:
    """Return all that JSON holds but for lists and objects themselves, by dotted keys and places in lists."""
    listed = {str(n): each for n, each in enumerate(value)} if isinstance(value, list) else value
    if not isinstance(listed, dict):
        return {"the file": listed}
    nested = {key: _leaves(each) if isinstance(each, dict | list) else each for key, each in listed.items()}
    return dict(flat(nested))


def _shown(values: dict[str, Any], key: str) -> str:
    return json.dumps(values[key], ensure_ascii=False) if key in values else "nothing"


def _of_table(committed: str, rebuilt: str) -> str:
    """Return the first row that differs: of a training's curve, the first update at which it parts."""
    heads, tables = zip(*(_table(each) for each in (committed, rebuilt)), strict=True)
    if heads[0] != heads[1]:
        return f"columns: {_both(','.join(heads[0]), ','.join(heads[1]))}"
    differ = [key for key in tables[0] | tables[1] if tables[0].get(key) != tables[1].get(key)]
    if not differ:
        return "the same rows, in another order or way"
    rows = [table.get(differ[0]) for table in tables]
    where, more = f"{heads[0][0]} {differ[0]}", _more(len(differ), "row")
    if rows[0] is None or rows[1] is None:
        return f"{in_line(where)}: {_both(*('no row' if row is None else ','.join(row) for row in rows))}{more}"
    column = next(n for n, cells in enumerate(zip(*rows, strict=True)) if cells[0] != cells[1])
    name = heads[0][column + 1]
    return f"{in_line(where)}: {in_line(name)}: {_both(rows[0][column], rows[1][column])}{more}"


def _table(text: str) -> tuple[list[str], dict[str, list[str]]]:
    head, *rows = (line.split(",") for line in text.splitlines())
    return head, {row[0]: row[1:] for row in rows}


def _of_arrays(committed: bytes, rebuilt: bytes) -> str:
    """Return which arrays differ, in how many entries, and how far."""
    with np.load(io.BytesIO(committed)) as one, np.load(io.BytesIO(rebuilt)) as other:
        if set(one) != set(other):
            return f"arrays: {_both(', '.join(one), ', '.join(other))}"
        said = [f"{name}: {_of_array(one[name], other[name])}" for name in one if not _equal(one[name], other[name])]
    return (
        f"{'; '.join(said[:FEW])}{_more(len(said) - FEW + 1, 'array')}"
        if said
        else "the same arrays, written in another way"
    )


def _equal(one: Array, other: Array) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def _of_array(one: Array, other: Array) -> str:
    if one.shape != other.shape or one.dtype != other.dtype:
        return _both(*(f"{each.shape} of {each.dtype}" for each in (one, other)))
    differ = one != other
    if one.ndim == 0:
        return _both(str(one), str(other))
    far = np.abs(one.astype(float) - other.astype(float)).max()
    return f"{np.count_nonzero(differ):,} of {one.size:,} entries, by up to {far:.3g}"


def _of_lines(committed: str, rebuilt: str) -> str:
    """Return the first line that differs, from shortly before the place where it does."""
    lines = committed.splitlines(), rebuilt.splitlines()
    pairs = zip(*lines, strict=False)
    number = next((n for n, pair in enumerate(pairs) if pair[0] != pair[1]), min(map(len, lines)))
    one, other = (each[number] if number < len(each) else "" for each in lines)
    place = next((n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
    start = max(place - BESIDE, 0)
    return f"line {number + 1}: {_both(*(repr(each[start : start + LONG]) for each in (one, other)))}"


def _of_bytes(committed: bytes, rebuilt: bytes) -> str:
    pairs = zip(committed, rebuilt, strict=False)
    place = next((n for n, pair in enumerate(pairs) if pair[0] != pair[1]), min(len(committed), len(rebuilt)))
    sizes = _both(f"{len(committed):,} bytes", f"{len(rebuilt):,}")
    return f"the first other byte is number {place + 1:,}; {sizes}"


def _both(committed: str, rebuilt: str) -> str:
    return f"committed {_short(committed)}, rebuilt {_short(rebuilt)}"


def _short(value: str) -> str:
    line = in_line(value)
    return line if len(line) <= LONG else f"{line[: LONG - 1]}…"


def _more(count: int, what: str) -> str:
    return f"; and {count - 1:,} more {what}{'' if count == 2 else 's'}" if count > 1 else ""
