"""Blocks: text between empty lines. What is said in one line is HTML that goes into a block."""

import json
import re
from collections.abc import Iterable
from html import escape

MOST = 65_536  # characters of a comment on GitHub
ROWS = 30  # of a table
LONG = 120  # characters of a name or value
NARROW = 20  # characters of a name that may be broken


def in_line(text: str) -> str:
    """Return the text with all that is not printable as escapes: line ends, controls, direction marks."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def code(value: object, long: int = LONG) -> str:
    """Return somebody else's text as HTML that shows it; names may be broken after _ and / where a column is narrow."""
    text = in_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
    shown = escape(text if len(text) <= long else f"{text[:long]}…")
    return f"<code>{re.sub('(?<=[_/])(?=.)', '<wbr>', shown) if len(text) > NARROW else shown}</code>"


def listed(names: Iterable[str], most: int = 6) -> str:
    """Return the names as code, some of them where they are many."""
    found = list(dict.fromkeys(names))
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(map(code, found[:most])) + more


def plural(count: int, what: str) -> str:
    """Return `1 file`, `2 files`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def paragraph(html: str) -> str:
    """Return a block."""
    return f"<p>{html}</p>"


def verdict(**said: str) -> str:
    """Return the block that a reader in a hurry reads: a line for each thing that is said."""
    lines = (f"<li><b>{name.replace('_', ' ')}:</b> {html}</li>" for name, html in said.items() if html)
    return "\n".join(["<ul>", *lines, "</ul>"])


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a block: a table of HTML cells, of many rows the first."""
    found = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    more = [f'<td colspan="9">and {len(found) - ROWS:,} more</td>'] if len(found) > ROWS else []
    lines = [f'<tr valign="top">{line}</tr>' for line in [*found[:ROWS], *more]]
    return "\n".join(["<table>", f"<tr>{''.join(f'<th>{cell}</th>' for cell in head)}</tr>", *lines, "</table>"])


def folded(title: str, *blocks: str, opened: bool = False) -> str:
    """Return the blocks as one that opens at a click."""
    return "\n\n".join([f"<details{' open' * opened}><summary>{title}</summary>", *blocks, "</details>"])


def limited(blocks: Iterable[str]) -> str:
    """Return the blocks that a comment on GitHub has room for, and where that is not all, a line that says so."""
    kept, left = list[str](), MOST - 300
    for block in filter(None, blocks):
        left -= len(block) + 2
        if left < 0:
            kept.append(paragraph(f"Cut here: {MOST:,} characters are the most that GitHub shows in a comment."))
            break
        kept.append(block)
    return "\n\n".join(kept)
