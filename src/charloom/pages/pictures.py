"""Pictures as SVG: inside a page with the page's font and its light or dark colours, or as files of their own.

A picture is as wide as a phone's screen. Wider screens show two pictures side by side.
"""

import io
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from charloom.core.base.terminal import visible
from charloom.core.base.words import in_line
from charloom.pages.sections import Picture, Table

STYLE: Any = mpl.rc_params_from_file(Path(__file__).with_name("pictures.mplstyle"), use_default_template=False)
(FONT,) = STYLE["font.family"]
# A page replaces each of these colours by a CSS variable (NAMED), whose value differs between light and dark.
INK, GREY, FAINT, PAPER = STYLE["text.color"], STYLE["axes.edgecolor"], "#dcdde0", "#ffffff"
BLUE, VERMILION, GREEN, PINK = "#0072b2", "#d55e00", "#008060", "#b0508c"
NAMED = {
    INK: "ink", GREY: "grey", FAINT: "faint", PAPER: "page",
    BLUE: "blue", VERMILION: "vermilion", GREEN: "green", PINK: "pink",
}  # fmt: skip
WIDTH = 4.0  # inches: 288 points, less than a phone is wide
TOP, BOTTOM, RIGHT = 0.25, 0.4, 0.3  # inches around the axes
TITLE, NAME = 0.23, 0.165  # inches: of a title with a legend below it, of a line in the legend
PLACES = ' id="', 'href="#', "url(#"  # where a tag has an id
TAG = re.compile("<[^>]*>")  # in a text, `<` and `>` are escaped
HEAD = re.compile(r".*?<svg[^>]*>", re.DOTALL)
HEIGHT = re.compile(r'viewBox="0 0 [\d.]+ ([\d.]+)"')
FALLBACKS = "Verdana, Arial, sans-serif"  # fonts for a machine without FONT
MARGIN, LINE, LETTERS = 14, 11, 70  # in a file: points around a picture, points and letters of a caption's line
REACH = 3  # an axis that shows intervals extends beyond the values by at most so many ranges of the values
WIDE, LINES = 54, 3  # letters of a line, and most lines, of a setting's name


@contextmanager
def drawing(height: float, left: float = 0.5) -> Iterator[tuple[Figure, Axes]]:
    """Yield a figure in the page's style, and its empty axes.

    The margins are fixed, because matplotlib would draw everything twice to compute them.

    height  height of the figure, in inches
    left    room for the labels of the y axis, in inches
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height), dpi=72)
        figure.subplots_adjust(left / WIDTH, BOTTOM / height, 1 - RIGHT / WIDTH, 1 - TOP / height)
        yield figure, figure.subplots()


def write_legend(figure: Figure, axes: Axes, title: str) -> None:
    """Write the title and, below it, a line for each named curve above the axes; make the figure higher for them."""
    _, names = axes.get_legend_handles_labels()
    above = TITLE + NAME * "\n".join([title, *names]).count("\n")
    below = figure.get_figheight() * figure.subplotpars.bottom
    height = figure.get_figheight() - TOP + above
    figure.set_figheight(height)
    figure.subplots_adjust(bottom=below / height, top=1 - above / height)
    axes.legend(title=title, alignment="left", bbox_to_anchor=(-0.02, 1))


def as_picture(figure: Figure, name: str, title: str, caption: str, table: Table) -> Picture:
    """Return the figure as a picture for a page. Equal figures give equal bytes.

    name     the picture's id, unique on the page
    title    the picture's title, also for its table
    caption  an explanation of the picture
    table    the numbers in the picture
    """
    content = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(content, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    ids = {place: f"{place}{name}-" for place in PLACES}
    colors = {color: f"var(--{variable})" for color, variable in NAMED.items()}
    body = with_tags_changed(HEAD.sub("", content.getvalue(), count=1), ids | colors)
    width, height = figure.get_size_inches() * 72
    svg = Markup(
        '<svg role="img" id="{name}" aria-labelledby="{name}-title" viewBox="0 0 {size}">\n'
        '<title id="{name}-title">{title}</title>{body}'
    ).format(
        name=name, size=f"{width:g} {height:g}", title=visible(title),
        body=Markup(body),  # noqa: S704  matplotlib has escaped the texts in it
    )  # fmt: skip
    return Picture(name, title, svg, caption, table)


def joined_pictures(pictures: Sequence[Picture]) -> str:
    """Return a page's pictures as the content of one SVG file: two pictures in a row, each above its caption."""
    width, bottom, parts = 72 * WIDTH, float(MARGIN), []
    for at in range(0, len(pictures), 2):
        row = [(picture, float(HEIGHT.findall(picture.svg)[0])) for picture in pictures[at : at + 2]]
        base, lines = bottom + max(height for _, height in row), 0
        for column, (picture, height) in enumerate(row):
            x = MARGIN + column * (width + MARGIN)
            place = f'<svg x="{x:g}" y="{base - height:g}" width="{width:g}" height="{height:g}" overflow="visible"'
            parts.append(str(picture.svg).replace("<svg", place, 1))
            for n, line in enumerate(textwrap.wrap(visible(picture.caption), LETTERS), 1):
                y, lines = base + n * LINE, max(lines, n)
                parts.append(Markup('<text x="{}" y="{}" fill="{}" font-size="7.5">{}</text>').format(x, y, GREY, line))
        bottom = base + (lines + 1) * LINE + MARGIN
    right = MARGIN + min(len(pictures), 2) * (width + MARGIN)
    colors = {f"var(--{variable})": color for color, variable in NAMED.items()}
    drawn = with_tags_changed("\n".join(parts), {f"'{FONT}'": f"'{FONT}', {FALLBACKS}"} | colors)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{right:g}pt" height="{bottom:g}pt" viewBox="0 0 {right:g} {bottom:g}" '
        f'font-family="{FONT}, {FALLBACKS}" fill="{INK}">\n<rect width="100%" height="100%" fill="{PAPER}"/>\n'
        f"{drawn}\n</svg>\n"
    )


def with_tags_changed(svg: str, changes: Mapping[str, str]) -> str:
    """Return the SVG with these replacements inside tags only: texts between tags contain names that users chose."""

    def changed(tag: re.Match[str]) -> str:
        content = tag[0]
        for old, new in changes.items():
            content = content.replace(old, new)
        return content

    return TAG.sub(changed, svg)


def limits(values: Sequence[float], intervals: Iterable[tuple[float, float]] = ()) -> tuple[float, float]:
    """Return the limits of an axis that shows all values and, as far as possible, the intervals, with a margin of 6 %.

    The axis extends beyond the values on either side at most by REACH times the range of the values. An interval that
    extends further on both sides is ignored. If all values are equal, the margin is 2 % of the value; for 0, it is 1.
    """
    low, high = min(values), max(values)
    reach = REACH * ((high - low) or 0.05 * abs(high) or 1.0)
    least, most = low - reach, high + reach
    ends = [end for pair in intervals if pair[0] >= least or pair[1] <= most for end in pair]
    low, high = max(min([low, *ends]), least), min(max([high, *ends]), most)
    room = 0.06 * (high - low) or 0.02 * abs(high) or 1.0
    return low - room, high + room


def in_lines(setting: str, wide: int = WIDE) -> str:
    """Return the setting's name in at most LINES lines of at most `wide` letters, with … at the end if it is cut.

    An empty name becomes `(no name)`.
    """
    lines = textwrap.wrap(drawable_text(setting), wide, break_on_hyphens=False) or ["(no name)"]
    return "\n".join(lines[:LINES]) + ("…" if len(lines) > LINES else "")


def drawable_text(text: str) -> str:
    """Return the text with non-printable characters escaped, and U+FFFD for each character that the font lacks.

    matplotlib would warn about a character that the font lacks.
    """
    charmap = get_font(findfont(FONT)).get_charmap()
    return "".join(letter if ord(letter) in charmap else "\N{REPLACEMENT CHARACTER}" for letter in in_line(text))
