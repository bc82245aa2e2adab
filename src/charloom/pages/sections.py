"""A page in one file: it asks for nothing, has no script, and shows text as text.

base.html is the layout of every page, parts.html what sections are made of, page.css how they look.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from charloom.base.terminal import visible

LONG = re.compile(r"\S{20,}")  # shorter words fit any line
AFTER = re.compile(r"((?<!\d)\.|[_/])(?=\w)")


class Table(NamedTuple):
    """Cells as text; the first of a row names it, and breaks where it is long."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


class Picture(NamedTuple):
    """A picture on a page.

    name     its address on the page; by itself it is the file of that name
    title    what it is, and what the numbers are of
    svg      see pictures.py
    caption  what to see in it
    table    the numbers behind it
    """

    name: str
    title: str
    svg: Markup
    caption: str
    table: Table


class Section(NamedTuple):
    """A section of a page.

    name      its address on the page, and its template: `name`.html in templates/
    it        what the template calls so
    pictures  likewise
    """

    name: str
    title: str
    it: Any
    pictures: Sequence[Picture] = ()


def rendered(title: str, intro: str, sections: Sequence[Section | None], **about: Any) -> str:
    """Return the page. Equal content gives equal bytes.

    about  what the templates may ask, by name
    """
    page = _environment().get_template("base.html")
    return page.render(title=title, intro=intro, sections=[section for section in sections if section], **about)


def breakable(text: object) -> Markup:
    """Return it as text, with places where a narrow screen may break a long word: after a dot, a slash or a `_`."""
    return Markup(LONG.sub(lambda word: AFTER.sub(r"\1<wbr>", word[0]), str(escape(visible(str(text))))))  # noqa: S704


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        finalize=lambda value: visible(value) if type(value) is str else value,  # what is Markup is ours
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    return environment
