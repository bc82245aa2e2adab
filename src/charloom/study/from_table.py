"""What was measured, from any CSV table with a row for each trial: a column for the seed, one or more that say the
setting, one for the measure.
"""

import csv
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from charloom.base.errors import WrongInput, allowed_are
from charloom.base.terminal import in_line
from charloom.study.baseline import chosen, setting_name
from paired.types import Measured, Measurement, Seed

FAILED = {"", "nan", "na", "inf", "+inf", "-inf"}  # what programs write where a run came to no value
FEW = 3  # times, on average, that a parameter's value stands in a table; a result's seldom comes twice

Row = tuple[int, list[str]]  # a line's number, from 1, and its cells


def table_measured(
    file: Path, *, setting: Sequence[str], seed: str, measure: str, baseline: str | None = None, **declared: Any
) -> Measured:
    """Return what the table holds; settings are in its order. Rows without a value are trials that failed.

    setting   names of the columns that say it
    baseline  as `chosen` takes it
    declared  `better`, `looks` and `smallest_difference` of Measured

    Raises WrongInput, which names file, line, value and what is allowed.
    """
    (_, head), *rows = _rows(file)
    used = [*setting, seed, measure]
    for name in used:
        if name not in head:
            raise WrongInput(f"{file}: no column {in_line(name)}; {allowed_are(map(in_line, head), name)}")
        if head.count(name) + used.count(name) > 2:
            raise WrongInput(f"{file}: column {in_line(name)} is there, or is named, twice; once is allowed")
    *places, seed_at, measure_at = map(head.index, used)
    settings = defaultdict[str, dict[Seed, Measurement]](dict)
    groups, failed = defaultdict[str, list[Row]](list), list[Row]()
    for number, cells in rows:
        for place in (*places, seed_at):
            if not cells[place]:
                raise WrongInput(f"{file}: line {number}: no {in_line(head[place])}; allowed is a value in each row")
        name, value = setting_name(setting, [cells[place] for place in places]), cells[measure_at]
        key = _seed(cells[seed_at])
        if key in settings[name]:
            first = next(row for row in groups[name] if _seed(row[1][seed_at]) == key)
            raise WrongInput(f"{file}: line {number}: {_twice(name, key, first, cells, head, used)}")
        if value.lower() in FAILED:
            failed.append((number, cells))
            settings[name][key] = Measurement(None, exploded=True)
        else:
            settings[name][key] = Measurement(_number(value, f"{file}: line {number}: {in_line(measure)}"))
        groups[name].append((number, cells))
    warnings = [*_varying(groups, head, used, seed_at)]
    if failed:
        number, cells = failed[0]
        many = "1 trial has" if len(failed) == 1 else f"{len(failed)} trials have"
        where = f"line {number}: {in_line(cells[measure_at]) or 'empty'}"
        warnings.append(f"{many} no {in_line(measure)} ({where}): counted as failed, not left out")
    return Measured(
        measure=measure,
        baseline=chosen(settings, baseline, str(file)),
        settings=dict(settings),
        curves={},
        warnings=tuple(warnings),
        **declared,
    )


def _rows(file: Path) -> list[Row]:
    """Return the head and the rows, their cells without spaces around."""
    try:
        if file.exists() and not (file.is_file() or file.is_fifo()):
            raise WrongInput(f"{file}: not a file; allowed is a CSV table in UTF-8")
        with file.open("rb") as lines:
            reader = csv.reader(_decoded(lines, file), strict=True, skipinitialspace=True)
            rows = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if cells]
    except (OSError, ValueError) as error:  # the second: no file has such a name
        reason = error.strerror if isinstance(error, OSError) else error
        raise WrongInput(f"{in_line(str(file))}: {reason}; allowed is a CSV table in UTF-8") from None
    except csv.Error as error:
        raise WrongInput(f"{file}: line {reader.line_num}: not CSV: {error}") from None
    if len(rows) < 2:
        raise WrongInput(f"{file}: {'no row below the names of the columns' if rows else 'empty'}; allowed is a table")
    wide = len(rows[0][1])
    for number, cells in rows:
        if len(cells) != wide:
            raise WrongInput(f"{file}: line {number}: {len(cells)} cells, and line {rows[0][0]} names {wide} columns")
    return rows


def _decoded(lines: Iterator[bytes], file: Path) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            byte = f"0x{line[error.start]:02x}"
            raise WrongInput(
                f"{file}: line {number}: byte {byte} is not UTF-8; allowed is a CSV table in UTF-8"
            ) from None


def _seed(text: str) -> Seed:
    """Return the number that the text writes, where it is the only way to write it, else the text."""
    return int(text) if text.isascii() and text.isdigit() and (text == "0" or text[0] != "0") else text


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        allowed = "a number such as 2.81 or 1e-5, and nan or nothing where a run failed"
        raise WrongInput(f"{where}: {in_line(text)[:40]} is not allowed; allowed is {allowed}")
    return value


def _twice(name: str, seed: Seed, first: Row, cells: list[str], head: list[str], used: list[str]) -> str:
    """Return that the seed is there twice, and which column perhaps belongs to the setting."""
    differ = [
        column
        for column, here, there in zip(head, cells, first[1], strict=True)
        if here != there and column not in used
    ]
    perhaps = f"; does {in_line(differ[0])} belong to --setting?" if len(differ) == 1 else "; allowed is once"
    return f"seed {in_line(str(seed))} a second time for {in_line(name)}, after line {first[0]}{perhaps}"


def _varying(groups: dict[str, list[Row]], head: list[str], used: list[str], seed_at: int) -> Iterator[str]:
    """Yield a warning of each column that looks like a parameter and varies inside a setting.

    One looks so if its values come again and again. One that the seed decides is the same for all settings.
    """
    rows = [cells for group in groups.values() for _, cells in group]
    for place, column in enumerate(head):
        values = {cells[place] for cells in rows}
        by_seed = len({(cells[seed_at], cells[place]) for cells in rows}) == len({cells[seed_at] for cells in rows})
        if column in used or by_seed or len(values) * FEW > len(rows):
            continue
        for name, group in groups.items():
            inside = sorted({cells[place] for _, cells in group})
            if len(inside) > 1:
                shown = ", ".join(in_line(value) or "nothing" for value in inside[:3])
                yield f"{in_line(column)} varies inside {in_line(name)} ({shown}): a parameter? it belongs to --setting"
                break
