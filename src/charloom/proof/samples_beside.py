"""Samples of two commits side by side, from DVC's cache: what models write is shown, never rendered."""

import textwrap
from collections.abc import Iterator
from contextlib import suppress
from html import escape
from pathlib import Path

from pydantic import ValidationError

from charloom.base.terminal import visible
from charloom.proof.outputs import cached
from charloom.results.records import BEST_MODEL, SampleRow, SampleTable
from dvc_summary.facts import Facts
from dvc_summary.markdown import code, paragraph, table

WIDTH, LONGEST = 46, 1200  # of a sample: characters of a line, and in all


def samples_beside(facts: Facts, file: Path, cache: Path) -> Iterator[str]:
    """Yield the blocks: the best model's sample and the last checkpoint's, before and after.

    file   the table's path in the project
    cache  the folder of DVC's cache in which files lie by their MD5
    """
    hashes = [
        next((stage.outs[str(file)] for stage in stages.values() if str(file) in stage.outs), None)
        for stages in (facts.before, facts.after)
    ]
    if hashes[0] == hashes[1]:
        return
    yield "### What the models write"
    sides = [_read(cache, file, digest) for digest in hashes]
    if missing := [code(commit[:10]) for commit, rows in zip((facts.base, facts.head), sides, strict=True) if not rows]:
        made = "<code>dvc repro sample</code> makes them"
        yield paragraph(
            f"The samples of {' and '.join(missing)} are not in the DVC cache here; {made}, on that commit."
        )
    if rows := [[_cell(row) for row in side] for side in sides if side]:
        head = [name for name, side in zip(("before", "after"), sides, strict=True) if side]
        yield table(head, zip(*rows, strict=True))


def _read(cache: Path, file: Path, digest: str | None) -> list[SampleRow]:
    """Return the best model's row and the last checkpoint's of the table with this MD5; none where it is not there."""
    with suppress(LookupError, ValidationError):
        rows = SampleTable.model_validate_json(cached(cache, file.name, digest)[file.name]).data
        best, others = ([row for row in rows if (row[0] == BEST_MODEL) is wanted] for wanted in (True, False))
        return [*best, *others[-1:]]
    return []


def _cell(row: SampleRow) -> str:
    """Return the sample under its name. Line ends are entities: an empty line would end the HTML block."""
    name, text, update, _ = row
    said = f"{'best model, ' if name == BEST_MODEL else ''}after {update:,} updates"
    lines = [
        part
        for line in visible(text[:LONGEST]).split("\n")
        for part in textwrap.wrap(line, WIDTH, replace_whitespace=False, drop_whitespace=False) or [""]
    ]
    return f"{said}<pre>{'&#10;'.join(map(escape, lines))}</pre>"
