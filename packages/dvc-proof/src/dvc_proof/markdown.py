"""Markdown blocks, and pieces of HTML inside a block. The summary joins blocks with an empty line between them."""

import json
from collections.abc import Iterable
from html import escape

from dvc_proof.words import LISTED, in_line, listed

COMMENT_LIMIT = 65_536  # characters of a comment on GitHub, at most
ROWS = 30  # rows of a table, at most
LONG = 120  # characters of a name or value, at most


def code(value: object, long: int = LONG) -> str:
    """Return an untrusted value as escaped HTML inside <code>; a value other than a text as JSON.

    At most `long` characters are shown.
    """
    text = in_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
    shown = escape(text if len(text) <= long else f"{text[:long]}…")
    return f"<code>{shown}</code>"


def codes(names: Iterable[str], limit: int = LISTED) -> str:
    """Return one line of HTML with the first `limit` distinct names as code, and the number of the other names."""
    return listed(map(code, names), limit)


def paragraph(html: str) -> str:
    """Return a line of HTML as a block, in <p>."""
    return f"<p>{html}</p>"


def headline(**sentences: str) -> str:
    """Return a block with a list of short answers in HTML, without empty ones.

    sentences  the answers; the name of an argument is the answer's title
    """
    lines = (f"<li><b>{name.replace('_', ' ')}:</b> {html}</li>" for name, html in sentences.items() if html)
    return "\n".join(["<ul>", *lines, "</ul>"])


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a block with a table of HTML cells: the titles, the first ROWS rows, and the number of further rows."""
    cells = ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    more = [f'<td colspan="9">and {len(cells) - ROWS:,} more</td>'] if len(cells) > ROWS else []
    lines = [f'<tr valign="top">{line}</tr>' for line in [*cells[:ROWS], *more]]
    return "\n".join(["<table>", f"<tr>{''.join(f'<th>{cell}</th>' for cell in head)}</tr>", *lines, "</table>"])


def folded(title: str, *blocks: str, opened: bool = False) -> str:
    """Return one block with a title in HTML; a click on the title shows or hides the given blocks.

    opened  whether the blocks are shown at first
    """
    return "\n\n".join([f"<details{' open' * opened}><summary>{title}</summary>", *blocks, "</details>"])


def limited(blocks: Iterable[str]) -> str:
    """Join the blocks, without empty ones, up to the length of a comment on GitHub.

    The first block that does not fit ends the text; a sentence in place of it names the limit.
    """
    first_blocks, left = list[str](), COMMENT_LIMIT - 300
    for block in filter(None, blocks):
        left -= len(block) + 2
        if left < 0:
            first_blocks.append(paragraph(f"Cut here: a comment on GitHub has at most {COMMENT_LIMIT:,} characters."))
            break
        first_blocks.append(block)
    return "\n\n".join(first_blocks)
