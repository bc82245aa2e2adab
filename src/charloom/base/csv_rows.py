"""Read CSV tables: a line with the names of the columns, then a line for each row."""

import csv
import io
from collections.abc import Collection

from charloom.base.errors import allowed_are
from charloom.base.terminal import in_line

TABLE = "a CSV table in UTF-8"  # for messages

Cells = dict[str, str]  # by column


def csv_rows(content: bytes, names: Collection[str]) -> dict[int, Cells]:
    """Return the rows by line number, from 1, with spaces and tabs removed from both ends of cells.

    content  the table in UTF-8; empty lines are skipped
    names    the columns that the table must have, each once; it may have more

    Raises ValueError, with a message for the user, if the content is empty, not UTF-8 or not CSV, if a column is
    missing or occurs twice, or if a row has too few or too many cells.
    """
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True, skipinitialspace=True)
    try:
        lines = [(reader.line_num, [cell.strip(" \t") for cell in cells]) for cells in reader if cells]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: not CSV: {error}") from None
    if not lines:
        raise ValueError("the file is empty; allowed is a table")
    (first, head), *rows = lines
    for name in names:
        if name not in head:
            raise ValueError(f"no column {in_line(name)}; {allowed_are(map(in_line, head), name)}")
        if head.count(name) > 1:
            raise ValueError(f"column {in_line(name)} is in the file twice; allowed is once")
    for line, cells in rows:
        if len(cells) != len(head):
            raise ValueError(f"line {line}: the row has {len(cells)} cells, but line {first} names {len(head)} columns")
    return {line: dict(zip(head, cells, strict=True)) for line, cells in rows}
