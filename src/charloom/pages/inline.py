"""Pictures inside a page: the page's colours, in light and in dark, and its letters.

They are drawn as wide as a phone, so that nothing is too small there; a wider screen shows two beside each other.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from charloom.base.terminal import visible
from charloom.pages.figures import svg

# Each stands in a picture for the page's colour of that name, which differs between light and dark.
INK, GREY, FAINT, PAPER = "#202124", "#6b6f76", "#dcdde0", "#ffffff"
BLUE, VERMILION, GREEN, PINK = "#0072b2", "#d55e00", "#008060", "#b0508c"
NAMED = {
    INK: "ink", GREY: "grey", FAINT: "faint", PAPER: "page",
    BLUE: "blue", VERMILION: "vermilion", GREEN: "green", PINK: "pink",
}  # fmt: skip
STYLE: Any = {
    "font.family": "DejaVu Sans",  # wider than what a page is read in: no text needs more room than it was given
    "font.size": 8.5,
    "svg.fonttype": "none",
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlesize": 8.5,
    "axes.titlelocation": "left",
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.handlelength": 1.4,
    "legend.labelspacing": 0.3,
    "legend.borderaxespad": 0.2,
    "lines.linewidth": 1.1,
}
WIDTH = 4.0  # inches: 288 points, less than a phone is wide
TOP, BOTTOM, RIGHT = 0.25, 0.4, 0.3  # inches around the axes
PLACES = re.compile(r'(\bid="|href="#|url\(#)')
HEAD = re.compile(r".*?<svg[^>]*>", re.DOTALL)
METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)


@contextmanager
def drawing(height: float, left: float = 0.5) -> Iterator[Figure]:
    """Give an empty figure, that many inches high, in which everything is drawn in the page's style.

    It leaves room for a title, for labels of two lines at the bottom and `left` inches wide: matplotlib would draw
    everything twice to find out how much that is.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height), dpi=72)
        figure.subplots_adjust(left / WIDTH, BOTTOM / height, 1 - RIGHT / WIDTH, 1 - TOP / height, hspace=0.35)
        yield figure


def inline(figure: Figure, name: str, title: str, description: str) -> Markup:
    """Return the figure as an SVG for a page on which no other has this name: equal figures give equal bytes.

    title, description  say what the picture is to those who cannot see it
    """
    with mpl.rc_context(STYLE):
        drawn = METADATA.sub("", svg(figure, STYLE))
    body = PLACES.sub(rf"\g<1>{name}-", HEAD.sub("", drawn, count=1))
    for color, variable in NAMED.items():
        body = body.replace(color, f"var(--{variable})")
    width, height = figure.get_size_inches() * 72
    return Markup(
        '<svg role="img" id="{name}" aria-labelledby="{name}-title {name}-description" viewBox="0 0 {size}">\n'
        '<title id="{name}-title">{title}</title>\n<desc id="{name}-description">{description}</desc>{body}'
    ).format(
        name=name, size=f"{width:g} {height:g}", title=visible(title), description=visible(description),
        body=Markup(body),  # noqa: S704  matplotlib has escaped the texts in it
    )  # fmt: skip


def pointer(figure: Figure, axes: Axes, xs: Sequence[float], rows: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return what the script needs to say what lies below the pointer, in the picture's own units.

    xs    places along the axis
    rows  by name, what is said at each of them
    """
    box, height = axes.get_window_extent(), figure.bbox.height
    places = axes.transData.transform([(x, 0) for x in xs])[:, 0]
    return {
        "xs": [round(float(place), 1) for place in places],
        "top": round(float(height - box.y1), 1),
        "bottom": round(float(height - box.y0), 1),
        "rows": dict(rows),
    }
