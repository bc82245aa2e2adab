"""Samples of two commits side by side, from DVC's cache: what models write is shown, never rendered."""

import textwrap
from collections.abc import Iterator
from contextlib import suppress
from html import escape
from pathlib import Path

from pydantic import ValidationError

from charloom.base.terminal import visible
from charloom.proof.dvc_summary import Facts, Stages, code, paragraph
from charloom.proof.outputs import Output, cached
from charloom.results.records import BEST_MODEL, SampleRow, SampleTable

WIDTH, LONGEST = 46, 1200  # of a sample: characters of a line, and in all


def samples_beside(facts: Facts, table: Path, cache: Path) -> Iterator[str]:
    """Yield the blocks: the best model's sample and the last checkpoint's, before and after.

    table  its path in the project
    cache  the folder of DVC's cache in which files lie by their MD5
    """
    hashes = [_hash(stages, str(table)) for stages in (facts.before, facts.after)]
    if hashes[0] == hashes[1]:
        return
    yield "### What the models write"
    sides = [_read(cache, table, digest) for digest in hashes]
    if missing := [code(commit[:10]) for commit, rows in zip((facts.base, facts.head), sides, strict=True) if not rows]:
        made = "<code>dvc repro sample</code> makes them"
        yield paragraph(
            f"The samples of {' and '.join(missing)} are not in the DVC cache here; {made}, on that commit."
        )
    rows = [[_cell(row) for row in _shown(side)] for side in sides if side]
    if rows:
        head = "".join(f"<th>{name}</th>" for name, side in zip(("before", "after"), sides, strict=True) if side)
        lines = ("".join(f"<td>{cell}</td>" for cell in line) for line in zip(*rows, strict=True))
        yield "\n".join(
            ["<table>", f"<tr>{head}</tr>", *(f'<tr valign="top">{line}</tr>' for line in lines), "</table>"]
        )


def _hash(stages: Stages, path: str) -> str:
    return next((stage.outs[path] for stage in stages.values() if path in stage.outs), "")


def _read(cache: Path, table: Path, digest: str) -> list[SampleRow]:
    """Return the rows of the table with this MD5; none where it is not in the cache, or is something else."""
    found = cached(cache, Output("", str(table), in_git=False, varies=""), digest)
    with suppress(LookupError, ValidationError):
        return SampleTable.model_validate_json(found[table.name]).data
    return []


def _shown(rows: list[SampleRow]) -> list[SampleRow]:
    """Return the best model's row and the last checkpoint's."""
    best = [row for row in rows if row[0] == BEST_MODEL]
    return [*best, *[row for row in rows if row[0] != BEST_MODEL][-1:]]


def _cell(row: SampleRow) -> str:
    """Return the sample under its name. Line ends are entities: an empty line would end the HTML block."""
    name, text, update, _ = row
    said = f"best model, after {update:,} updates" if name == BEST_MODEL else f"after {update:,} updates"
    lines = [
        part
        for line in visible(text[:LONGEST]).split("\n")
        for part in textwrap.wrap(line, WIDTH, replace_whitespace=False, drop_whitespace=False) or [""]
    ]
    return f"{said}<pre>{escape(chr(10).join(lines)).replace(chr(10), '&#10;')}</pre>"
