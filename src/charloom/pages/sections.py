"""A page in one HTML file. A page makes no request, escapes all text, and allows only its own scripts, by their hashes.

base.html is the layout of every page, parts.html has the macros of sections, short.html has the templates of short
sections, page.css is the style sheet, and save.js saves a picture or a table as a file.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup, escape

from charloom.core.base.terminal import visible
from charloom.core.base.types import Array

TEMPLATES = Path(__file__).with_name("templates")
LONG = re.compile(r"\S{20,}")  # words that may be wider than a phone's screen
HYPHEN = re.compile(r"(?<![^\s(])-(?=\d)")  # the sign of a negative number
AFTER = re.compile(r"((?<!\d)\.|[_/])(?=\w)")


class Table(NamedTuple):
    """A table of texts: the titles of the columns, and the rows. The first cell of a row is the row's name."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


class Picture(NamedTuple):
    """A picture on a page.

    name     the picture's id on the page, and the name of its SVG file
    title    the picture's title, also for its table
    svg      the SVG element, see pictures.py
    caption  an explanation of the picture
    table    the numbers in the picture
    """

    name: str
    title: str
    svg: Markup
    caption: str
    table: Table


class PageSection(NamedTuple):
    """A section of a page.

    name      the section's id on the page; its template is NAME.html in templates/, or in short.html
    title     the section's heading
    content   the data for the template, which reads them as the variable `content`
    pictures  the pictures, which the template reads as the variable `pictures`
    """

    name: str
    title: str
    content: Any
    pictures: Sequence[Picture] = ()


def rendered(
    title: str, intro: str, sections: Sequence[PageSection | None], *, links: Sequence[tuple[str, str]] = (),
    program: dict[str, Markup] | None = None, folder: Path = TEMPLATES, **about: Any,
) -> str:  # fmt: skip
    """Return the page as HTML. Equal content gives equal bytes.

    intro     introduction; each line is a paragraph
    sections  the sections; None is skipped
    links     (address, text) of each link to another page
    program   the code of a page that computes, as `program` returns it; None: the page has no such code
    folder    a folder with templates that replace those in templates/, which they extend as `pages/NAME`
    about     further variables of the templates, by name
    """
    page, present = _environment(folder).get_template("base.html"), [section for section in sections if section]
    return page.render(title=title, intro=intro, sections=present, links=links, program=program, **about)


def program(scripts: Iterable[str | Path], data: Any, worker: str = "") -> dict[str, Markup]:
    """Return the code of a page that computes, by name: `script`, `worker`, and `data`, which is JSON for both of them.

    scripts  names of files in templates/, or paths of other files, which become one script
    worker   the file with the script of the page's Web Worker; "" for none
    """
    data_as_json = htmlsafe_json_dumps(data, ensure_ascii=False, separators=(",", ":"))
    code = {"script": Markup().join(map(script, scripts)), "worker": script(worker) if worker else Markup()}
    return code | {"data": data_as_json}


def numbers(array: Array) -> str:
    """Return the array's numbers as text for a script: little-endian float64 in Base64."""
    return b64encode(array.astype("<f8").tobytes()).decode()


def script(name: str | Path) -> Markup:
    """Return the content of a script, as trusted markup. `name` is a file in templates/, or an absolute path."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704


def breakable(text: object) -> Markup:
    """Return the text as escaped HTML. Words of 20 or more characters may break after a dot, a slash or a `_`."""
    return Markup(LONG.sub(lambda word: AFTER.sub(r"\1<wbr>", word[0]), str(escape(visible(str(text))))))  # noqa: S704


@cache
def _environment(folder: Path) -> Environment:
    loaders = FileSystemLoader([folder, TEMPLATES]), PrefixLoader({"pages": FileSystemLoader(TEMPLATES)})
    environment = Environment(
        loader=ChoiceLoader(loaders), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=True, finalize=lambda value: visible(value) if type(value) is str else value,  # Markup is trusted
    )  # fmt: skip
    environment.filters.update(breakable=breakable, csp_hash=_csp_hash, thousands="{:,}".format)
    environment.filters["minus"] = partial(HYPHEN.sub, "−")
    environment.globals["script"] = script("save.js")
    return environment


def _csp_hash(text: str) -> str:
    """Return the script's hash in the format of a Content-Security-Policy: `sha256-…`."""
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
