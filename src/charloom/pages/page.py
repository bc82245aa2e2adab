"""A page in one file: it asks for nothing, reads without script, and shows text as text.

base.html is the layout of every page, parts.html what sections are made of, page.css and page.js what stands in each.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from charloom.base.terminal import visible


class Table(NamedTuple):
    """Cells as text; the first of a row names it."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


class Picture(NamedTuple):
    """A picture on a page.

    svg      says itself what it is: see `inline`
    caption  what to see in it
    table    the numbers behind it
    about    what these are numbers of
    """

    svg: Markup
    caption: str
    table: Table
    about: str


class Section(NamedTuple):
    """A section of a page.

    name      its address on the page, and its template: `name`.html in templates/
    it        what the template calls so
    pointers  for the script, by the name of a picture: see `inline.pointer`
    """

    name: str
    title: str
    it: Any
    pointers: Mapping[str, Any] = MappingProxyType({})


def rendered(title: str, intro: str, sections: Sequence[Section]) -> str:
    """Return the page. Equal content gives equal bytes."""
    pointers = {name: each for section in sections for name, each in section.pointers.items()}
    page = _environment().get_template("base.html")
    return page.render(title=title, intro=intro, sections=sections, pointers=pointers)


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
