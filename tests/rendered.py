"""Pages and Markdown as a browser gets them, and text that tries to act in it."""

import re
from base64 import b64encode
from hashlib import sha256
from html import unescape

from harmless import Page

from charloom.pages.sections import TEMPLATES


def ensure_only_our_script(content: str) -> None:
    """A browser runs the one script that the page names by its hash, and asks for nothing."""
    (script,) = re.findall(r"<script>(.*?)</script>", content, re.DOTALL)
    assert content.count("<script") == 1
    assert script == (TEMPLATES / "save.js").read_text(encoding="utf-8")
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:" in content


def ensure_whole(content: str) -> Page:
    """Return the page, which asks for nothing: each reference has its element, each picture says what it is."""
    ensure_only_our_script(content)
    page = Page(content)
    assert len(page.ids) == len(set(page.ids))
    references = re.findall(r'(?:href="#|url\(#)([^")]+)', "".join(re.findall("<[^>]*>", content)))
    names = " ".join(re.findall(r'aria-labelledby="([^"]+)"', content)).split()
    assert {*references, *names} <= set(page.ids)
    assert not re.search(r"\w+://", content)
    assert not [tag for tag in ("img", "iframe", "object", "embed") if page.all(tag)]
    assert [link["href"] for link in page.all("link")] == ["data:,"]
    figures = re.findall(r"<figure>\n<svg.*?</figure>", content, re.DOTALL)
    assert len(figures) == len(page.pictures)
    for figure in figures:
        assert [figure.count(part) for part in ("<title id=", "<figcaption>", "<details>", "<table>")] == [1] * 4
    return page


def cells(content: str, about: str) -> list[list[str]]:
    """Return the rows of the page's table that is about this."""
    (table,) = re.findall(rf'aria-label="{re.escape(about)}".*?<tbody>(.*?)</tbody>', content, re.DOTALL)
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", table.replace("<wbr>", ""), re.DOTALL)
    return [[*map(unescape, re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row))] for row in rows]


def svg(content: str, place: str) -> str:
    (picture,) = re.findall(rf'<svg role="img" id="{place}".*?</svg>', content, re.DOTALL)
    return picture


def drawn(content: str, place: str) -> list[str]:
    """Return what is written in a picture, line by line."""
    return [unescape(text) for text in re.findall(r"<text[^>]*>(.*?)</text>", svg(content, place), re.DOTALL)]
