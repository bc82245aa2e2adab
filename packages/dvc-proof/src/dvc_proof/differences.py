"""Differences: the rows of a comparison, and the description of how two files differ, in one line.

The description has the first place that differs, and both values.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from os.path import commonprefix
from typing import Any, NamedTuple

from dvc_proof.lock import leaves
from dvc_proof.words import in_line, number_of

LONG = 40  # characters of a value in a line, at most
CONTEXT = 12  # characters before the first difference of two texts
NOTHING = object()  # stands for a missing value
SAME, DIFFERENT, UNKNOWN = "same", "different", "not verified"


class OutputDifference(NamedTuple):
    """The result of comparing a file, or another value of a commit, with the rebuilt one.

    stage    name of the stage that makes the file
    file     path of the file, or name of the value
    what     description of the difference, or the reason why nothing is known; "" if the two are the same
    verdict  DIFFERENT or UNKNOWN; ignored if `what` is ""
    """

    stage: str
    file: str
    what: str
    verdict: str = DIFFERENT

    @property
    def result(self) -> str:
        """Return the verdict: SAME, DIFFERENT or UNKNOWN."""
        return self.verdict if self.what else SAME

    def __str__(self) -> str:
        """Return the line for the user: `same  train: metrics/train.json`, or `DIFFERENT  …` with the description."""
        shown = self.result.upper() if self.result == DIFFERENT else self.result
        return f"{shown}  {self.stage}: {self.file}{f': {self.what}' if self.what else ''}"


def last_line(rows: Iterable[OutputDifference]) -> str:
    """Return the last line of a comparison: `first difference: <stage>: <file>`, or `same` if nothing differs."""
    return next((f"first difference: {row.stage}: {row.file}" for row in rows if row.result == DIFFERENT), SAME)


def describe_difference(committed: dict[str, bytes], rebuilt: dict[str, bytes], what: str = "committed") -> str:
    """Return a line with the first difference and the number of further ones, or "" if the contents are equal.

    If the bytes differ and all values are equal, the line says so. Each argument has the content of one file, or of all
    files in a folder, by name. `what` is the line's word for a value of `committed`.
    """
    if committed == rebuilt:
        return ""
    unix = ({name: content.replace(b"\r\n", b"\n") for name, content in side.items()} for side in (committed, rebuilt))
    if next(unix) == next(unix):
        return "only the line ends differ"
    one, other = _values(committed), _values(rebuilt)
    differ = [key for key in one | other if not equal(one.get(key, NOTHING), other.get(key, NOTHING))]
    if not differ:
        return "the same values in another notation"
    names, more = list(committed | rebuilt), len(differ) - 1
    where = differ[0] if len(names) > 1 else differ[0].removeprefix(f"{names[0]}: ")
    both = _both_values(one.get(differ[0], NOTHING), other.get(differ[0], NOTHING), what)
    return f"{in_line(where)}: {both}" + (f"; and {number_of(more, 'more value')}" if more else "")


def equal(one: Any, other: Any) -> bool:
    """Return whether two values are equal. NaN equals NaN; 1 does not equal True."""
    return (one == other and isinstance(one, bool) == isinstance(other, bool)) or (one != one and other != other)  # noqa: PLR0124  NaN


def _values(files: dict[str, bytes]) -> dict[str, Any]:
    """Return the values in the files by a key such as `train.json: updates`. The argument has file contents by name.

    There is a value for each leaf of JSON, and for each cell of a CSV table of numbers. A file of another type,
    or with invalid content for its type, has a value for each line.
    """
    return {
        f"{name}: {key or 'the file'}": value
        for name, content in files.items()
        for key, value in values_of(name, content).items()
    }


def values_of(name: str, content: bytes) -> dict[str, Any]:
    """Return the values in one file by their places, such as `updates` or `line 3`: see `_values`."""
    lines = content.decode(errors="surrogateescape").splitlines() or [""]
    with suppress(ValueError, RecursionError):
        if name.endswith(".json"):
            values = leaves(json.loads(content), lists=True)
            return {key: value for key, value in values if key or value not in ({}, [])}
        if name.endswith(".csv"):
            return dict(_cells(lines))
    return {f"line {number}": line for number, line in enumerate(lines, 1)}


def _cells(lines: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield (place, value) for the first line of a CSV table and for each cell; an empty cell is None.

    A place is `line 3 (update 100): smooth_loss` if the first column counts up, and else `line 3: smooth_loss`. Raises
    ValueError if a cell is no number, or a row has another number of cells than the first line.
    """
    head, *rows = csv.reader(lines)
    yield "line 1", lines[0]
    index = [json.loads(row[0] or "null") for row in rows if row]
    counts = all(isinstance(at, int) for at in index) and index == sorted({*index})
    for number, row in enumerate(rows, 2):
        for column, cell in zip(head, row, strict=True):
            yield f"line {number}{f' ({head[0]} {row[0]})' * counts}: {column}", json.loads(cell or "null")


def _both_values(committed: Any, rebuilt: Any, what: str) -> str:
    """Describe two different values, the committed and the rebuilt one; NOTHING stands for a missing value.

    LONG characters of a text are shown, from CONTEXT characters before the first difference.
    """
    if isinstance(committed, str) and isinstance(rebuilt, str):
        start = max(len(commonprefix([committed, rebuilt])) - CONTEXT, 0)  # noqa: RUF071  texts, not paths
        committed, rebuilt = (text[start : start + LONG] for text in (committed, rebuilt))
    return f"{what} {shown(committed)}, rebuilt {shown(rebuilt)}"


def shown(value: Any) -> str:
    """Return a value as at most LONG characters of one line."""
    line = "nothing" if value is NOTHING else in_line(repr(value) if isinstance(value, str) else json.dumps(value))
    return line if len(line) <= LONG else f"{line[: LONG - 1]}…"
