"""Pictures of pages: in a page in its colours, of light and of dark, and in its letters; as a file by themselves.

They are drawn as wide as a phone, so that nothing is too small there; a wider screen shows two beside each other.
"""

import io
import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from charloom.base.terminal import in_line, visible
from charloom.pages.sections import Picture, Table

# Each stands in a picture for the page's colour of that name, which differs between light and dark.
INK, GREY, FAINT, PAPER = "#202124", "#6b6f76", "#dcdde0", "#ffffff"
BLUE, VERMILION, GREEN, PINK = "#0072b2", "#d55e00", "#008060", "#b0508c"
NAMED = {
    INK: "ink", GREY: "grey", FAINT: "faint", PAPER: "page",
    BLUE: "blue", VERMILION: "vermilion", GREEN: "green", PINK: "pink",
}  # fmt: skip
FONT = "DejaVu Sans"  # wider than what a page is read in: no text needs more room than it was given
STYLE: Any = {
    **mpl.rc_params_from_file(Path(__file__).with_name("pictures.mplstyle"), use_default_template=False),
    "font.family": FONT,
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), INK),
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), GREY),
}
WIDTH = 4.0  # inches: 288 points, less than a phone is wide
TOP, BOTTOM, RIGHT = 0.25, 0.4, 0.3  # inches around the axes
PLACES = re.compile(r'(\bid="|href="#|url\(#)')
HEAD = re.compile(r".*?<svg[^>]*>", re.DOTALL)
HEIGHT = re.compile(r'viewBox="0 0 [\d.]+ ([\d.]+)"')
ANYWHERE = "Verdana, Arial, sans-serif"  # letters for a machine without FONT
MARGIN, LINE, LETTERS = 14, 11, 70  # of a file, in points: around a picture, of a line of a caption; and its letters
WIDE, LINES = 54, 3  # letters of a line, and lines, of a setting's name


@contextmanager
def drawing(height: float, left: float = 0.5, panels: Sequence[int] = (1,)) -> Iterator[tuple[Figure, list[Axes]]]:
    """Give a figure, that many inches high, in which everything is drawn in the page's style, and its empty panels.

    `panels` are their heights, one below the other, relative to each other. There is room for a title, for labels of
    two lines at the bottom and `left` inches wide: matplotlib would draw everything twice to find out how much that is.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height), dpi=72)
        figure.subplots_adjust(left / WIDTH, BOTTOM / height, 1 - RIGHT / WIDTH, 1 - TOP / height, hspace=0.35)
        yield figure, list(figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=panels)[:, 0])


def pictured(figure: Figure, name: str, title: str, caption: str, table: Table) -> Picture:
    """Return the figure as a picture for a page on which no other has this name: equal figures give equal bytes."""
    content = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(content, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    body = PLACES.sub(rf"\g<1>{name}-", HEAD.sub("", content.getvalue(), count=1))
    for color, variable in NAMED.items():
        body = body.replace(color, f"var(--{variable})")
    width, height = figure.get_size_inches() * 72
    svg = Markup(
        '<svg role="img" id="{name}" aria-labelledby="{name}-title" viewBox="0 0 {size}">\n'
        '<title id="{name}-title">{title}</title>{body}'
    ).format(
        name=name, size=f"{width:g} {height:g}", title=visible(title),
        body=Markup(body),  # noqa: S704  matplotlib has escaped the texts in it
    )  # fmt: skip
    return Picture(name, title, svg, caption, table)


def by_itself(pictures: Sequence[Picture]) -> str:
    """Return pictures of a page as one SVG that needs no page: two beside each other, each above its caption."""
    width, bottom, parts = 72 * WIDTH, float(MARGIN), []
    for at in range(0, len(pictures), 2):
        beside = [(each, float(HEIGHT.findall(each.svg)[0])) for each in pictures[at : at + 2]]
        base, lines = bottom + max(height for _, height in beside), 0
        for column, (each, height) in enumerate(beside):
            x = MARGIN + column * (width + MARGIN)
            place = f'<svg x="{x:g}" y="{base - height:g}" width="{width:g}" height="{height:g}" overflow="visible"'
            parts.append(str(each.svg).replace("<svg", place, 1))
            for n, line in enumerate(textwrap.wrap(visible(each.caption), LETTERS), 1):
                y, lines = base + n * LINE, max(lines, n)
                parts.append(Markup('<text x="{}" y="{}" fill="{}" font-size="7.5">{}</text>').format(x, y, GREY, line))
        bottom = base + (lines + 1) * LINE + MARGIN
    right = MARGIN + min(len(pictures), 2) * (width + MARGIN)
    drawn = "\n".join(parts).replace(f"'{FONT}'", f"'{FONT}', {ANYWHERE}")
    for color, variable in NAMED.items():
        drawn = drawn.replace(f"var(--{variable})", color)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{right:g}pt" height="{bottom:g}pt" viewBox="0 0 {right:g} {bottom:g}" '
        f'font-family="{FONT}, {ANYWHERE}" fill="{INK}">\n<rect width="100%" height="100%" fill="{PAPER}"/>\n'
        f"{drawn}\n</svg>\n"
    )


def with_room(low: float, high: float) -> tuple[float, float]:
    """Return the limits of an axis with a little room on both sides."""
    room = 0.06 * (high - low) or 0.02 * abs(high) or 1.0
    return low - room, high + room


def in_lines(setting: str, wide: int = WIDE) -> str:
    """Return the setting's name in lines of so many letters."""
    lines = textwrap.wrap(known(setting), wide, break_on_hyphens=False) or ["(no name)"]
    return "\n".join(lines[:LINES]) + "…" * (len(lines) > LINES)


def known(text: str) -> str:
    """Return the text with a sign in place of each letter that the font has not: matplotlib would warn and draw one."""
    there = get_font(findfont(FONT)).get_charmap()
    return "".join(letter if ord(letter) in there else "\N{REPLACEMENT CHARACTER}" for letter in in_line(text))
