"""Measurements from a CSV table with a row for each trial.

The table has a column for the seed, one or more for the setting, and one for the measure.
"""

import csv
import io
import math
import re
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from charloom.base.errors import WrongInput, allowed_are
from charloom.base.terminal import in_line
from charloom.study.baseline import chosen, quoted, setting_name
from paired.data_types import Measured, Measurement, Seed

# what programs write for a run without a value
FAILED = {"", "nan", "+nan", "-nan", "na", "n/a", "none", "null", "inf", "+inf", "-inf"}
NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")  # float() accepts 1_0 and ١, too
TABLE = "a CSV table in UTF-8"

Cells = dict[str, str]  # by column
Rows = dict[int, Cells]  # by line number, from 1


def table_measured(
    file: Path, *, setting: Sequence[str], seed: str, measure: str, baseline: str | None = None, **declared: Any
) -> Measured:
    """Return the table's measurements, with the settings in the order of the table.

    A row whose measure is empty or a word of FAILED is a failed trial; a warning says how many there are.

    setting   names of the columns that identify the setting
    seed      name of the column with the seed
    measure   name of the column with the measure
    baseline  as `chosen` takes it
    declared  `better`, `looks` and `smallest_difference` of Measured

    Raises WrongInput if the table is invalid: a column or value is missing or invalid, or a seed occurs twice for a
    setting. The message names the file, the line, the value and what is allowed.
    """
    used = [*setting, seed, measure]
    rows = _rows(file, used)
    settings = defaultdict[str, dict[Seed, Measurement]](dict)
    levels = dict[str, dict[str, str]]()
    lines, spelled, failed = dict[tuple[str, Seed], int](), dict[Decimal | str, tuple[str, int]](), list[str]()
    for line, row in rows.items():
        where = f"{file}: line {line}: "
        if empty := [name for name in used[:-1] if not row[name]]:
            raise WrongInput(f"{where}{in_line(empty[0])} is empty; allowed is a value in each row")
        text, before = spelled.setdefault(_number(row[seed]), (row[seed], line))
        if text != row[seed]:
            both = f"{in_line(row[seed])[:40]} and {in_line(text)[:40]} (line {before})"
            raise WrongInput(f"{where}{in_line(seed)}: {both} are the same seed; allowed is one spelling")
        name, key = setting_name(setting, [row[column] for column in setting]), seed_of(row[seed])
        if first := lines.get((name, key)):
            differ = [column for column in row if row[column] != rows[first][column] and column not in used]
            allowed = f"does {in_line(differ[0])} belong to --setting?" if len(differ) == 1 else "allowed is once"
            twice = f"seed {in_line(str(key))} occurs a second time for {in_line(name)}, after line {first}"
            raise WrongInput(f"{where}{twice}; {allowed}")
        lines[name, key] = line
        settings[name][key] = _measurement(row[measure], where + in_line(measure))
        if settings[name][key].exploded:
            failed.append(f"line {line}: {in_line(row[measure]) or 'empty'}")
        levels[name] = {quoted(column): quoted(row[column]) for column in setting}
    warnings = []
    if failed:
        many = "1 trial has" if len(failed) == 1 else f"{len(failed)} trials have"
        warnings.append(f"{many} no {in_line(measure)} ({failed[0]}): counted as failed, not left out")
    return Measured(
        measure=measure,
        baseline=chosen(settings, baseline, str(file)),
        settings=dict(settings),
        levels=levels,
        warnings=tuple(warnings),
        **declared,
    )


def _rows(file: Path, used: Sequence[str]) -> Rows:
    """Return the rows by line number, with spaces removed from both ends of cells.

    used  names of the needed columns

    Raises WrongInput if the file cannot be read, there are no rows, a row has too few or too many cells, or a needed
    column is missing, occurs twice, or is needed twice.
    """
    head, *rows = _read(file)
    if not rows:
        missing = "there is no row below the names of the columns" if head[1] else "the file is empty"
        raise WrongInput(f"{file}: {missing}; allowed is a table")
    for line, cells in rows:
        if len(cells) != len(head[1]):
            raise WrongInput(
                f"{file}: line {line}: the row has {len(cells)} cells, but line {head[0]} names {len(head[1])} columns"
            )
    for name in used:
        if name not in head[1]:
            raise WrongInput(f"{file}: no column {in_line(name)}; {allowed_are(map(in_line, head[1]), name)}")
        if head[1].count(name) + used.count(name) > 2:
            raise WrongInput(f"{file}: column {in_line(name)} is in the file twice, or in two options; allowed is once")
    return {line: dict(zip(head[1], cells, strict=True)) for line, cells in rows}


def _read(file: Path) -> list[tuple[int, list[str]]]:
    """Return the cells of each non-empty line, with the line's number; for an empty file, line 1 without cells.

    Raises WrongInput if the file is missing, neither a regular file nor a FIFO, not UTF-8, or not CSV.
    """
    try:
        if file.exists() and not (file.is_file() or file.is_fifo()):
            raise WrongInput(f"{file}: not a file; allowed is {TABLE}")
        reader = csv.reader(
            io.StringIO(file.read_bytes().decode("utf-8-sig"), newline=""), strict=True, skipinitialspace=True
        )
        return [(reader.line_num, [cell.strip(" \t") for cell in cells]) for cells in reader if cells] or [(1, [])]
    except UnicodeDecodeError as error:
        line, byte = error.object.count(b"\n", 0, error.start) + 1, error.object[error.start]
        raise WrongInput(f"{file}: line {line}: byte {byte:#04x} is not UTF-8; allowed is {TABLE}") from None
    except (OSError, ValueError) as error:  # ValueError: invalid in a file name
        reason = error.strerror if isinstance(error, OSError) else error
        raise WrongInput(f"{in_line(str(file))}: {reason}; allowed is {TABLE}") from None
    except csv.Error as error:
        raise WrongInput(f"{file}: line {reader.line_num}: not CSV: {error}") from None


def seed_of(text: str) -> Seed:
    """Return the text as an integer if it has the usual form of one (no sign, no leading 0), else the text itself."""
    return int(text) if re.fullmatch("0|[1-9][0-9]{0,99}", text) else text


def _number(text: str) -> Decimal | str:
    """Return the finite number that the text denotes, in any notation; the text itself if there is none."""
    try:
        number = Decimal(text)
    except ArithmeticError:
        return text
    return number if number.is_finite() else text


def _measurement(text: str, where: str) -> Measurement:
    """Return the measurement in a cell; for a word of FAILED, a failed trial without a value.

    Raises WrongInput for any other text that is no finite number. `where` is the place, for the message.
    """
    if text.lower() in FAILED:
        return Measurement(None, exploded=True)
    value = float(text) if NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        allowed = "a number such as 2.81 or 1e-5; a failed run has nan or an empty cell"
        raise WrongInput(f"{where}: {in_line(text)[:40]} is not allowed; allowed is {allowed}")
    return Measurement(value)
