"""Markdown blocks, to be separated by empty lines, and pieces of HTML for one line inside a block."""

import json
import re
from collections.abc import Iterable
from html import escape

COMMENT_LIMIT = 65_536  # characters of a comment on GitHub, at most
ROWS = 30  # rows of a table, at most
LONG = 120  # characters of a name or value, at most
NARROW = 20  # characters of a name up to which it has no line breaks


def in_line(text: str) -> str:
    """Return the text with every non-printable character as an escape, also newline and directional marks."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def code(value: object, long: int = LONG) -> str:
    """Return an untrusted value as escaped HTML inside <code>. Long names may break after _ and / in narrow columns."""
    text = in_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
    shown = escape(text if len(text) <= long else f"{text[:long]}…")
    return f"<code>{re.sub('(?<=[_/])(?=.)', '<wbr>', shown) if len(text) > NARROW else shown}</code>"


def listed(names: Iterable[str], limit: int = 6) -> str:
    """Return the distinct names as code in a line: the first `limit`, and the number of the others."""
    distinct = list(dict.fromkeys(names))
    more = f" and {len(distinct) - limit} more" if len(distinct) > limit else ""
    return ", ".join(map(code, distinct[:limit])) + more


def plural(count: int, noun: str) -> str:
    """Return `1 file`, `2 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def paragraph(html: str) -> str:
    """Return the HTML as a block."""
    return f"<p>{html}</p>"


def verdict(**sentences: str) -> str:
    """Return the block with the short answers: a list item for each argument that is not empty, under its keyword."""
    lines = (f"<li><b>{name.replace('_', ' ')}:</b> {html}</li>" for name, html in sentences.items() if html)
    return "\n".join(["<ul>", *lines, "</ul>"])


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a block with a table of HTML cells: the first ROWS rows, and the number of the others."""
    cells = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    more = [f'<td colspan="9">and {len(cells) - ROWS:,} more</td>'] if len(cells) > ROWS else []
    lines = [f'<tr valign="top">{line}</tr>' for line in [*cells[:ROWS], *more]]
    return "\n".join(["<table>", f"<tr>{''.join(f'<th>{cell}</th>' for cell in head)}</tr>", *lines, "</table>"])


def folded(title: str, *blocks: str, opened: bool = False) -> str:
    """Return the blocks as one block under a title, which a click opens and closes."""
    return "\n\n".join([f"<details{' open' * opened}><summary>{title}</summary>", *blocks, "</details>"])


def limited(blocks: Iterable[str]) -> str:
    """Join the blocks that fit into a comment on GitHub. If some do not fit, the last block says so."""
    first_blocks, left = list[str](), COMMENT_LIMIT - 300
    for block in filter(None, blocks):
        left -= len(block) + 2
        if left < 0:
            first_blocks.append(paragraph(f"Cut here: a comment on GitHub has at most {COMMENT_LIMIT:,} characters."))
            break
        first_blocks.append(block)
    return "\n\n".join(first_blocks)
