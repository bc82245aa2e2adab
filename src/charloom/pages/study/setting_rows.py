"""A picture whose rows are settings. A setting's name is above its row, because a phone has no room on the left.

All seeds are inside the picture, except exploded ones, which are drawn as a cross at the edge: their values would make
all others look equal. An interval may extend beyond the picture: with two seeds it is nine standard deviations on
either side of the mean.
"""

import textwrap
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, Protocol

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from charloom.pages.pictures import BOTTOM, FAINT, GREY, PAPER, TOP, WIDE, drawing, in_lines, known, with_room
from paired.data_types import Interval

MANY = 12  # most rows without a second axis at the top
LINE, ROW = 10.5, 19.0  # heights in points: of a name's line, and of the drawing below the name
STROKE, BAR = 17.7, 13.0  # heights in points: of a mean's stroke, and of an interval's bar; both are less than ROW
DOT = 3  # points: the width of a seed's dot
BESIDE = (0, 1, -1, 2, -2)  # the heights of dots at the same place, in dots; of more than five some coincide


class Named(Protocol):
    """The subject of a row: the name of a setting or an effect, and its colour."""

    @property
    def setting(self) -> str: ...  # noqa: D102  as in compared.Row
    @property
    def color(self) -> str: ...  # noqa: D102


class Drawn(NamedTuple):
    """The content of a row.

    dots      values of the seeds
    mean      drawn as a stroke
    interval  the mean's interval, drawn as a bar
    tested    the interval that decides about the verdict, drawn as a line; None: none is drawn
    """

    dots: list[float]
    mean: float | None
    interval: Interval | None
    tested: Interval | None = None


def in_rows(
    rows: Sequence[Named], names: Sequence[str], what: str, draw: Callable[[Axes], None], bold: Collection[str] = ()
) -> Figure:
    """Return a figure with a row for each setting or effect.

    names  the text above each row
    what   the label of the x axis
    draw   function that draws the rows into the axes: the first row is at y = 0, the next one at 1
    bold   settings whose names are bold
    """
    written = [in_lines(name) for name in names]
    pitch = LINE * max(name.count("\n") + 1 for name in written) + ROW
    above = TOP if len(rows) > MANY else 0.0
    height = BOTTOM + len(written) * pitch / 72 + above
    with drawing(height, 0.15) as (figure, (axes,)):
        figure.subplots_adjust(top=1 - above / height)
        axes.set_ylim(len(written) - 1 + ROW / 2 / pitch, -1 + ROW / 2 / pitch)
        draw(axes)
        if above:
            axes.spines["top"].set_visible(True)
            axes.tick_params(axis="x", top=True, labeltop=True)
        for at, (name, row) in enumerate(zip(written, rows, strict=True)):
            axes.annotate(
                name, (0, at), xycoords=("axes fraction", "data"), xytext=(0, ROW / 2), textcoords="offset points",
                va="bottom", color=row.color, fontsize=8, weight="bold" if row.setting in bold else "normal",
            )  # fmt: skip
            axes.axhspan(at - 1 + ROW / 2 / pitch, at - ROW / 2 / pitch, color=PAPER, linewidth=0, zorder=0.5)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(textwrap.fill(known(what), WIDE))
    return figure


def draw_rows(axes: Axes, rows: Sequence[Named], drawn: Sequence[Drawn | None], always: Sequence[float] = ()) -> None:
    """Set the x axis, and draw the rows into the axes of `in_rows`.

    drawn   the content of each row; None: nothing is drawn
    always  values that the x axis must include
    """
    contents = [content for content in drawn if content]
    dots = [*always, *(dot for content in contents for dot in content.dots)]
    _limit(axes, dots, [interval for row in contents for interval in (row.interval, row.tested) if interval])
    for place, (row, content) in enumerate(zip(rows, drawn, strict=True)):
        if content:
            _draw_row(axes, place, row.color, content)


def draw_differences(axes: Axes, rows: Sequence[Named], drawn: Sequence[Drawn | None], smallest: float | None) -> None:
    """Draw the rows, with a vertical line at 0 and a band for differences that do not matter.

    smallest  the smallest difference that matters, in units of the measure; None: no band
    """
    draw_rows(axes, rows, drawn, [0.0] if smallest is None else [-smallest, 0.0, smallest])
    axes.axvline(0, color=GREY, linewidth=0.6, zorder=0)
    if smallest is not None:
        axes.axvspan(-smallest, smallest, color=FAINT, linewidth=0, zorder=-1)


def _height(axes: Axes, points: float) -> float:
    """Convert a height from typographic points (1/72 inch) to units of the y axis, of which a row has one."""
    low, high = axes.get_ylim()
    return abs(high - low) * points / axes.bbox.height


def draw_mean(axes: Axes, place: int, color: str, mean: float) -> None:
    """Draw a vertical stroke at the mean, in the row at y = `place`."""
    half = _height(axes, STROKE) / 2
    axes.plot([mean] * 2, [place - half, place + half], color=color, linewidth=1.4, solid_capstyle="butt")


def draw_dots(axes: Axes, place: int, color: str, dots: Sequence[float]) -> None:
    """Draw a dot for each seed in the row at y = `place`. A dot is moved up or down if it would hide another one.

    Without dots, nothing is plotted, because matplotlib would extend the axes for an empty plot.
    """
    low, high = axes.get_xlim()
    near, height = (high - low) / axes.bbox.width * DOT / 2, _height(axes, DOT)
    hidden = (sum(abs(dot - other) < near for other in dots[:n]) for n, dot in enumerate(dots))
    if dots:
        heights = [place + height * BESIDE[count % len(BESIDE)] for count in hidden]
        axes.plot(dots, heights, "o", ms=DOT, color=color, mec=PAPER, mew=0.4, clip_on=False, zorder=4)


def _draw_row(axes: Axes, place: int, color: str, content: Drawn) -> None:
    low, high = axes.get_xlim()
    interval = content.interval
    leaves = interval is not None and interval[0] < low and high < interval[1]
    for line in (content.tested, interval if leaves else None):
        if line:
            axes.plot(line, [place] * 2, "|-", color=color, linewidth=0.8, ms=7, mew=0.8, solid_capstyle="butt")
    if interval and not leaves:
        height = _height(axes, BAR)
        axes.barh(place, interval[1] - interval[0], height, interval[0], color=color, alpha=0.25, linewidth=0)
    if content.mean is not None:
        draw_mean(axes, place, color, content.mean)
    draw_dots(axes, place, color, content.dots)
    ends = [end for line in (content.tested, interval) if line for end in line]
    for goes_on, edge, arrow in ((min(ends) < low, low, "<"), (max(ends) > high, high, ">")) if ends else ():
        if goes_on:
            axes.plot([edge], [place], arrow, ms=4, color=color, clip_on=False)


def _limit(axes: Axes, dots: list[float], intervals: Sequence[Interval]) -> None:
    """Set the limits of the x axis so that it includes all dots and, as far as possible, the intervals.

    The axis extends beyond the dots at most by the dots' own range on either side. An interval that is wider on both
    sides is ignored. Without dots, the axis has no ticks.
    """
    if not dots:
        axes.set_xlim(0, 1)
        axes.set_xticks([])
        return
    low, high = min(dots), max(dots)
    reach = (high - low) or 0.05 * abs(high) or 1.0
    far = low - reach, high + reach
    ends = [end for pair in intervals if pair[0] >= far[0] or pair[1] <= far[1] for end in pair]
    low, high = max(min([low, *ends]), far[0]), min(max([high, *ends]), far[1])
    axes.set_xlim(*with_room(low, high))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
