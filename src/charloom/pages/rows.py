"""Draw a picture whose rows are settings, effects or models. A name is above its row: a phone has no room on the left.

The values of all seeds are inside the picture. An exploded seed is a cross at the edge: its value would make all others
look equal. An interval may extend beyond the picture: with two seeds it is nine standard deviations on either side of
the mean.
"""

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from charloom.pages.pictures import BOTTOM, PAPER, TOP, WIDE, drawable_text, drawing, in_lines, limits

MANY = 12  # most rows without a second axis at the top
LINE, ROW = 10.5, 19.0  # heights in points: of a name's line, and of the drawing below the name
STROKE, BAR = 17.7, 13.0  # heights in points: of a mean's stroke, and of an interval's bar; both are less than ROW
Interval = tuple[float, float]
DOT = 3  # points: the width of a seed's dot
BESIDE = (0, 1, -1, 2, -2)  # vertical shifts of dots with the same x, in dots; if more than five have it, some coincide


class Line(NamedTuple):
    """A row of a picture.

    name      the text above the row
    color     the colour of name, dots, stroke, bar and line
    dots      a number for each seed, in units of the x axis: a value or a difference
    mean      the mean, drawn as a stroke; None: no stroke
    interval  the mean's interval, drawn as a bar; None: no bar
    tested    the interval that decides about the verdict, drawn as a line; None: no line
    bold      whether the name is bold
    """

    name: str
    color: str
    dots: Sequence[float] = ()
    mean: float | None = None
    interval: Interval | None = None
    tested: Interval | None = None
    bold: bool = False


def draw_rows(lines: Sequence[Line], label: str, always: Sequence[float] = ()) -> tuple[Figure, Axes]:
    """Draw the rows. Return the figure and its axes. The first row is at y = 0, the second at y = 1.

    label   the label of the x axis
    always  values that the x axis must include
    """
    names = [in_lines(line.name) for line in lines]
    pitch = LINE * max(name.count("\n") + 1 for name in names) + ROW
    above = TOP if len(lines) > MANY else 0.0
    height = BOTTOM + len(lines) * pitch / 72 + above
    with drawing(height, 0.15) as (figure, axes):
        figure.subplots_adjust(top=1 - above / height)
        axes.set_ylim(len(lines) - 1 + ROW / 2 / pitch, -1 + ROW / 2 / pitch)
        _limit(axes, lines, always)
        for at, (name, line) in enumerate(zip(names, lines, strict=True)):
            _draw(axes, at, line)
            axes.annotate(
                name, (0, at), xycoords=("axes fraction", "data"), xytext=(0, ROW / 2), textcoords="offset points",
                va="bottom", color=line.color, fontsize=8, weight="bold" if line.bold else "normal",
            )  # fmt: skip
            axes.axhspan(at - 1 + ROW / 2 / pitch, at - ROW / 2 / pitch, color=PAPER, linewidth=0, zorder=0.5)
        if above:
            axes.spines["top"].set_visible(True)
            axes.tick_params(axis="x", top=True, labeltop=True)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(textwrap.fill(drawable_text(label), WIDE))
        return figure, axes


def _height(axes: Axes, points: float) -> float:
    """Convert a height from typographic points (1/72 inch) to units of the y axis. Two rows have the distance 1."""
    low, high = axes.get_ylim()
    return abs(high - low) * points / axes.bbox.height


def _draw(axes: Axes, place: int, line: Line) -> None:
    """Draw the row at y = `place`. A dot that would hide another dot is moved up or down."""
    (low, high), color, interval = axes.get_xlim(), line.color, line.interval
    if line.tested:
        axes.plot(line.tested, [place] * 2, "|-", color=color, linewidth=0.8, ms=7, mew=0.8, solid_capstyle="butt")
    if interval:
        height = _height(axes, BAR)
        axes.barh(place, interval[1] - interval[0], height, interval[0], color=color, alpha=0.25, linewidth=0)
    if line.mean is not None:
        half = _height(axes, STROKE) / 2
        ends = [place - half, place + half]
        axes.plot([line.mean] * 2, ends, color=color, linewidth=1.4, solid_capstyle="butt")
    if line.dots:  # matplotlib would extend the axes for an empty plot
        near, height = (high - low) / axes.bbox.width * DOT / 2, _height(axes, DOT)
        hidden = [sum(abs(dot - other) < near for other in line.dots[:n]) for n, dot in enumerate(line.dots)]
        heights = [place + height * BESIDE[count % len(BESIDE)] for count in hidden]
        axes.plot(line.dots, heights, "o", ms=DOT, color=color, mec=PAPER, mew=0.4, clip_on=False, zorder=4)
    outer = [end for drawn in (line.tested, interval) if drawn for end in drawn]
    for goes_on, edge, arrow in ((min(outer) < low, low, "<"), (max(outer) > high, high, ">")) if outer else ():
        if goes_on:
            axes.plot([edge], [place], arrow, ms=4, color=color, clip_on=False)


def _limit(axes: Axes, lines: Sequence[Line], always: Sequence[float]) -> None:
    """Set the limits of the x axis so that it includes all dots, `always` and, as far as possible, the intervals.

    Without dots, the axis has no ticks.
    """
    dots = [*always, *(dot for line in lines for dot in line.dots)]
    if not dots:
        axes.set_xlim(0, 1)
        axes.set_xticks([])
        return
    axes.set_xlim(limits(dots, [interval for line in lines for interval in (line.interval, line.tested) if interval]))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(lambda value, _: f"{'−' if value < 0 else ''}{abs(value):,.10g}")
