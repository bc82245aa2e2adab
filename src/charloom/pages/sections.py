"""A page in one file: it asks for nothing, and shows text as text. Only our scripts may run, named by their hashes.

base.html is the layout of every page, parts.html what sections are made of, page.css how they look, save.js what saves
a picture or a table.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from charloom.base.terminal import visible

TEMPLATES = Path(__file__).with_name("templates")
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


class Program(NamedTuple):
    """The code of a page that computes: its script, the script of a Worker, and the data that both read, as JSON."""

    script: Markup
    worker: Markup
    data: Markup

    @property
    def hash(self) -> str:
        """Return the script's hash, as a Content-Security-Policy names it."""
        return _script_hash(self.script)


def rendered(
    title: str,
    intro: str,
    sections: Sequence[Section | None],
    *,
    link: tuple[str, str] | None = None,
    program: Program | None = None,
    **about: Any,
) -> str:
    """Return the page. Equal content gives equal bytes.

    intro    what it is about, a paragraph a line
    link     address and words of the way to another page
    about    what the templates may ask, by name
    """
    page, there = _environment().get_template("base.html"), [section for section in sections if section]
    return page.render(title=title, intro=intro, sections=there, link=link, program=program, **about)


def script(name: str) -> Markup:
    """Return the script of that name in templates/, which is ours."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704


def breakable(text: object) -> Markup:
    """Return it as text, with places where a narrow screen may break a long word: after a dot, a slash or a `_`."""
    return Markup(LONG.sub(lambda word: AFTER.sub(r"\1<wbr>", word[0]), str(escape(visible(str(text))))))  # noqa: S704


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=lambda value: visible(value) if type(value) is str else value,  # what is Markup is ours
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    save = script("save.js")
    environment.globals.update(script=save, script_hash=_script_hash(save))
    return environment


def _script_hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
