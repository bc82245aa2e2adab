"""Measurements from a CSV table with a row for each trial.

The table has a column for the seed, one or more for the setting, and one for the measure.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from charloom.base.csv_rows import TABLE, Cells, csv_rows
from charloom.base.errors import WrongInput
from charloom.base.terminal import in_line
from charloom.study.baseline import chosen, quoted, setting_name
from paired.data_types import Measured, Measurement, Seed
from paired.numbers import number_of

# what programs write for a run without a value
FAILED = {"", "nan", "+nan", "-nan", "na", "n/a", "none", "null", "inf", "+inf", "-inf"}
NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")  # float() accepts 1_0 and ١, too
SEEDS = 10**15  # a number of this size or more is a seed's text

Trial = tuple[dict[str, str], str, Measurement]  # the level of each factor, the seed, and the result


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
    if twice := [name for name in used if used.count(name) > 1]:
        raise WrongInput(f"{file}: column {in_line(twice[0])} is in two options; allowed is once")
    rows = _rows(file, used)
    trials, lines, failed = list[Trial](), dict[tuple[str, Seed], int](), list[str]()
    for line, row in rows.items():
        where, levels = f"{file}: line {line}: ", {name: row[name] for name in setting}
        if empty := [name for name in used[:-1] if not row[name]]:
            raise WrongInput(f"{where}{in_line(empty[0])} is empty; allowed is a value in each row")
        name = setting_name(levels)
        if (first := lines.setdefault((name, seed_of(row[seed])), line)) < line:
            differ = [column for column in row if row[column] != rows[first][column] and column not in used]
            allowed = f"does {in_line(differ[0])} belong to --setting?" if len(differ) == 1 else "allowed is once"
            twice_there = f"seed {in_line(row[seed])[:40]} occurs a second time for {in_line(name)}, after line {first}"
            raise WrongInput(f"{where}{twice_there}; {allowed}")
        value = _measurement(row[measure], where + in_line(measure))
        trials.append((levels, row[seed], value))
        if value.exploded:
            failed.append(f"line {line}: {in_line(row[measure]) or 'empty'}")
    warnings = list[str]()
    if failed:
        lost = f"no {in_line(measure)} in {number_of(len(failed), 'trial')} ({failed[0]})"
        warnings.append(f"{lost}: counted as failed, not left out")
    return trials_measured(trials, baseline, str(file), measure=measure, warnings=tuple(warnings), **declared)


def trials_measured(trials: Iterable[Trial], baseline: str | None, where: str, **others: Any) -> Measured:
    """Return the trials by setting and seed. A later trial replaces an earlier one with the same setting and seed.

    baseline, where  as `chosen` takes them
    others           the other fields of Measured
    """
    settings, levels = defaultdict[str, dict[Seed, Measurement]](dict), dict[str, dict[str, str]]()
    for own, seed, measurement in trials:
        name = setting_name(own)
        settings[name][seed_of(seed)] = measurement
        levels[name] = {quoted(param): quoted(level) for param, level in own.items()}
    base = chosen(settings, baseline, where)
    return Measured(baseline=base, settings=dict(settings), levels=levels, **others)


def _rows(file: Path, names: Sequence[str]) -> dict[int, Cells]:
    """Return the rows by line number.

    names  the columns that the table must have

    Raises WrongInput if the file cannot be read, is no table with these columns, or has no row.
    """
    try:
        if file.exists() and not (file.is_file() or file.is_fifo()):
            raise ValueError(f"not a file; allowed is {TABLE}")
        rows = csv_rows(file.read_bytes(), names)
        if not rows:
            raise ValueError("there is no row below the names of the columns; allowed is a table")
    except OSError as error:
        raise WrongInput(f"{file}: {error.strerror}; allowed is {TABLE}") from None
    except ValueError as error:
        raise WrongInput(f"{in_line(str(file))}: {error}") from None
    return rows


def seed_of(text: str) -> Seed:
    """Return the whole number that the text denotes, in any notation (1, 01, 1.0); the text itself if there is none."""
    with suppress(ArithmeticError):
        number = Decimal(text)
        if abs(number) < SEEDS and number == int(number):
            return int(number)
    return text


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
