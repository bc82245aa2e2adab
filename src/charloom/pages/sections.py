"""A page in one file: it asks for nothing, reads without script, and shows text as text.

base.html is the layout of every page, parts.html what sections are made of, page.css and page.js what stands in each.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from charloom.base.terminal import visible

LONG = re.compile(r"\S{20,}")  # shorter words fit any line
AFTER = re.compile(r"((?<!\d)\.|[_/])(?=\w)")


class Table(NamedTuple):
    """Cells as text; the first of a row names it."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


class Picture(NamedTuple):
    """A picture on a page.

    name     its address on the page; by itself it is the file of that name
    title    what it is; of the table, too
    svg      see pictures.py
    caption  what to see in it
    table    the numbers behind it
    pointed  what the script says below the pointer: see `pointer`
    """

    name: str
    title: str
    svg: Markup
    caption: str
    table: Table
    pointed: Mapping[str, Any] | None = None


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


def rendered(title: str, intro: str, sections: Sequence[Section]) -> str:
    """Return the page. Equal content gives equal bytes."""
    pointers = {each.name: each.pointed for section in sections for each in section.pictures if each.pointed}
    page = _environment().get_template("base.html")
    return page.render(title=title, intro=intro, sections=sections, pointers=pointers)


def breakable(text: str) -> Markup:
    """Return the text with places where a narrow screen may break a long word: after a dot, a slash, an underscore."""
    return Markup(LONG.sub(lambda word: AFTER.sub(r"\1<wbr>", word[0]), str(escape(visible(text)))))  # noqa: S704


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
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # what the pointer says first stands first
    return environment
