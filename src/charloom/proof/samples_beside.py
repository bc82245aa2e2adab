"""Samples of two commits side by side, from DVC's cache. A model's text is escaped, never rendered."""

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

WIDTH, LENGTH = 46, 1200  # characters of a line, and of a sample, at most


def samples_beside(facts: Facts, file: Path, cache: Path) -> Iterator[str]:
    """Yield the blocks with the samples of the best model and of the last checkpoint, before and after.

    file   path of the table of samples in the project
    cache  folder of DVC's cache in which files are named by their MD5

    If the cache lacks a commit's table, a block says so. Nothing is yielded if both tables have the same hash.
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
        remedy = "<code>dvc repro sample</code> makes them"
        yield paragraph(
            f"The samples of {' and '.join(missing)} are not in the DVC cache here; {remedy}, on that commit."
        )
    if rows := [[_cell(row) for row in side] for side in sides if side]:
        head = [name for name, side in zip(("before", "after"), sides, strict=True) if side]
        yield table(head, zip(*rows, strict=True))


def _read(cache: Path, file: Path, digest: str | None) -> list[SampleRow]:
    """Return the samples of the best model and of the last checkpoint; [] if the table is invalid or not in the cache.

    digest  the table's hash in dvc.lock, or None
    """
    with suppress(LookupError, ValidationError):
        rows = SampleTable.model_validate_json(cached(cache, file.name, digest)[file.name]).data
        best, others = ([row for row in rows if (row[0] == BEST_MODEL) is wanted] for wanted in (True, False))
        return [*best, *others[-1:]]
    return []


def _cell(row: SampleRow) -> str:
    """Return a sample as HTML, under a title with the number of updates; LENGTH characters in lines of WIDTH, at most.

    Line ends are written as entities, because an empty line would end the HTML block.
    """
    name, text, update, _ = row
    title = f"{'best model, ' if name == BEST_MODEL else ''}after {update:,} updates"
    lines = [
        part
        for line in visible(text[:LENGTH]).split("\n")
        for part in textwrap.wrap(line, WIDTH, replace_whitespace=False, drop_whitespace=False) or [""]
    ]
    return f"{title}<pre>{'&#10;'.join(map(escape, lines))}</pre>"
