"""Read measurements from a CSV table, which any program may have written. A row is a trial.

One column has the seed, one or more columns identify the setting, and one column has the measure.
"""

import csv
import io
import json
import math
import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from seedpairs.data_types import Measured, Measurement, Seed
from seedpairs.names import find_setting, quoted, setting_name
from seedpairs.words import WrongInput, allowed_are, in_line, number_of

# what programs write for a run without a value
FAILED = {"", "nan", "+nan", "-nan", "na", "n/a", "none", "null", "inf", "+inf", "-inf"}
NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")  # float() accepts 1_0 and ١, too
# of tables that some programs call CSV, with names for messages
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "|"}
SEEDS = 10**15  # a number of this size or more is a seed's text


def read_measurements(
    file: Path, *, setting: Sequence[str], seed: str, measure: str, baseline: str | None = None, **declared: Any
) -> Measured:
    """Return the table's measurements, with the settings in the order of the table.

    A row whose measure is empty or a word of FAILED is a failed trial; a warning says how many there are.

    setting   names of the columns that identify the setting
    seed      name of the column with the seed
    measure   name of the column with the measure
    baseline  as `find_setting` takes it
    declared  the fields `better`, `looks` and `smallest_difference` of Measured

    Raises WrongInput if the table is invalid: a column or value is missing or invalid, or a seed occurs twice for a
    setting, or the file cannot be read. The message names the file, the line, the value and what is allowed. Raises
    WrongInput, too, if `better` is not declared. A missing column is reported first: the measure may be misspelt.
    """
    used = [*setting, seed, measure]
    if twice := [name for name in used if used.count(name) > 1]:
        raise WrongInput(f"{file}: column {in_line(twice[0])} is in two options; allowed is once")
    try:
        if not (rows := csv_rows(file.read_bytes(), used)):
            raise ValueError("there is no row below the names; allowed is a table with a row for each run")
    except OSError as error:
        raise WrongInput(f"{file}: {error.strerror}; allowed is a CSV table in UTF-8") from None
    except ValueError as error:
        raise WrongInput(f"{in_line(str(file))}: {error}") from None
    if "better" not in declared:
        raise WrongInput(f"--table: also needs --better lower or higher for {in_line(measure)}")
    settings, levels = defaultdict[str, dict[Seed, Measurement]](dict), dict[str, dict[str, str]]()
    lines, failed = dict[tuple[str, Seed], int](), list[str]()
    for line, row in rows.items():
        where, setting_levels = f"{file}: line {line}: ", {name: row[name] for name in setting}
        if empty := [name for name in used[:-1] if not row[name]]:
            raise WrongInput(f"{where}{in_line(empty[0])} is empty; write a value into this column of each row")
        name, number = setting_name(setting_levels), seed_of(row[seed], where + in_line(seed))
        if (first := lines.setdefault((name, number), line)) < line:
            differing = [column for column in row if row[column] != rows[first][column] and column not in used]
            allowed = f"does {in_line(differing[0])} belong to --setting?" if len(differing) == 1 else "allowed is once"
            twice_there = f"seed {in_line(row[seed])[:40]} occurs a second time for {in_line(name)}, after line {first}"
            raise WrongInput(f"{where}{twice_there}; {allowed}")
        settings[name][number] = _of_cell(row[measure], where + in_line(measure))
        levels[name] = {quoted(param): quoted(level) for param, level in setting_levels.items()}
        if settings[name][number].exploded:
            failed.append(f"line {line}: {in_line(row[measure]) or 'empty'}")
    lost = f"no {in_line(measure)} in {number_of(len(failed), 'trial')}"
    warnings = tuple(f"{lost} ({first}): counted as failed, not left out" for first in failed[:1])
    base = find_setting(settings, baseline, str(file))
    return Measured(
        settings=dict(settings), baseline=base, levels=levels, measure=measure, warnings=warnings, **declared
    )


def csv_rows(content: bytes, names: Collection[str]) -> dict[int, dict[str, str]]:
    """Return, by line number (from 1), each row as a mapping from column to cell, stripped of spaces and tabs.

    content  the table in UTF-8; empty lines are skipped
    names    the columns that the table must have, each once; it may have more

    Raises ValueError, with a message for the user, if the content is empty, not UTF-8 or not CSV, if a column is
    missing or occurs twice, or if a row has too few or too many cells.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"byte {content[error.start]:#x} at offset {error.start} is not UTF-8; allowed is a table in UTF-8"
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    try:
        lines = [(reader.line_num, [cell.strip(" \t") for cell in cells]) for cells in reader if cells]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: not CSV: {error}") from None
    if not lines:
        raise ValueError("the file is empty; allowed is a CSV table with a row for each run")
    (first, head), *rows = lines
    for name in names:
        if name not in head:
            if len(head) == 1 and (other := next((x for x in SEPARATORS if x in head[0]), "")):
                has = f"the columns are separated by {SEPARATORS[other]}"
                raise ValueError(f"{has}; allowed is a comma, and a point in decimals")
            raise ValueError(f"no column {in_line(name)}; {allowed_are(map(in_line, head), name)}")
        if head.count(name) > 1:
            raise ValueError(f"column {in_line(name)} is in the file twice; allowed is once")
    for line, cells in rows:
        if len(cells) != len(head):
            raise ValueError(f"line {line}: the row has {len(cells)} cells, but line {first} names {len(head)} columns")
    return {line: dict(zip(head, cells, strict=True)) for line, cells in rows}


def ensure_analysed(table: Path) -> None:
    """Raise WrongInput if the table is in the folder of a charloom study (with asked.json) that has no answer yet.

    If the table were compared again after each new trial, false claims of a difference would be too frequent.
    """
    with suppress(OSError, ValueError, AttributeError, RecursionError):  # no study
        if not json.loads((table.resolve().parent / "asked.json").read_bytes()).get("answers"):
            no_answer = "its study has no answer with all its trials yet; `charloom study FILE` trains and answers"
            raise WrongInput(f"{in_line(str(table))}: {no_answer}")


def seed_of(text: str, where: str) -> Seed:
    """Return the whole number that the text denotes, in any notation (1, 01, 1.0). Return other texts as they are.

    Raises WrongInput for a number that begins with `+`, or that contains other characters than `1.5e-5` does, such as
    `1_0`. `where` is the file, line and column, for the message.
    """
    with suppress(ValueError, OverflowError):  # nan and inf have no whole number
        if (number := float(text)) == int(number) and abs(number) < SEEDS:
            if text.startswith("+") or not NUMBER.fullmatch(text):
                raise WrongInput(f"{where}: {in_line(text)[:40]} is not allowed; write the seed as {int(number)}")
            return int(number)
    return text


def _of_cell(text: str, where: str) -> Measurement:
    """Return the measurement in a cell; for a word of FAILED, a failed trial without a value.

    Raises WrongInput for other texts that are no finite number. `where` is the file, line and column, for the message.
    """
    if text.lower() in FAILED:
        return Measurement(None, exploded=True)
    value = float(text) if NUMBER.fullmatch(text) else math.nan
    is_rounded_to_0 = not value and re.search("[1-9]", text.lower().partition("e")[0])
    if not math.isfinite(value) or is_rounded_to_0:
        allowed = "a number such as 2.81 or 1e-5; a failed run has nan or an empty cell"
        raise WrongInput(f"{where}: {in_line(text)[:40]} is not allowed; allowed is {allowed}")
    return Measurement(value)
