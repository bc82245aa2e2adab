"""A picture whose rows are settings, with their names above them: beside them a phone has no room.

What the seeds themselves did is seen whole. An interval may leave a picture, as that of two seeds does, which is nine
standard deviations wide; and so may what exploded, which would press the rest into a line: a cross at the edge stands
for it.
"""

import textwrap
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, Protocol

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from charloom.pages.pictures import BOTTOM, FAINT, GREY, PAPER, TOP, WIDE, drawing, in_lines, known, with_room
from paired.data_types import Interval

MANY = 12  # rows, above which the axis is at the top too
LINE, ROW = 10.5, 19.0  # points: of a line of a name, of what is drawn below it


class Named(Protocol):
    """What a row is of."""

    @property
    def setting(self) -> str: ...  # noqa: D102  as in compared.Row
    @property
    def color(self) -> str: ...  # noqa: D102


class Drawn(NamedTuple):
    """What is drawn in a row: a dot for each seed, a stroke at the mean, a bar, a line for the tested interval."""

    dots: list[float]
    mean: float | None
    interval: Interval | None
    tested: Interval | None = None


def in_rows(
    rows: Sequence[Named], names: Sequence[str], what: str, draw: Callable[[Axes], None], bold: Collection[str] = ()
) -> Figure:
    """Return the figure.

    names  what is written above each row
    what   the axis shows
    draw   fills the panel: the first row lies at 0, the next one at 1
    bold   settings that are to be found at once
    """
    written = [in_lines(name) for name in names]
    pitch = LINE * max(name.count("\n") + 1 for name in written) + ROW
    above = TOP if len(rows) > MANY else 0.0
    height = BOTTOM + len(written) * pitch / 72 + above
    with drawing(height, 0.15) as (figure, (axes,)):
        figure.subplots_adjust(top=1 - above / height)
        draw(axes)
        if above:
            axes.spines["top"].set_visible(True)
            axes.tick_params(axis="x", top=True, labeltop=True)
        axes.set_ylim(len(written) - 1 + ROW / 2 / pitch, -1 + ROW / 2 / pitch)
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
    """Draw each row, on an axis that holds what is `always` to be seen, too."""
    found = [each for each in drawn if each]
    dots = [*always, *(dot for each in found for dot in each.dots)]
    _limit(axes, dots, [interval for each in found for interval in (each.interval, each.tested) if interval])
    for place, (row, each) in enumerate(zip(rows, drawn, strict=True)):
        if each:
            _draw_row(axes, place, row.color, each)


def draw_differences(axes: Axes, rows: Sequence[Named], drawn: Sequence[Drawn | None], smallest: float | None) -> None:
    """Draw each row beside a line at 0, with a band where a difference does not matter."""
    draw_rows(axes, rows, drawn, [0.0] if smallest is None else [-smallest, 0.0, smallest])
    axes.axvline(0, color=GREY, linewidth=0.6, zorder=0)
    if smallest is not None:
        axes.axvspan(-smallest, smallest, color=FAINT, linewidth=0, zorder=-1)


def draw_dots(axes: Axes, place: int, color: str, dots: Sequence[float]) -> None:
    """Draw a dot for each seed; of no point matplotlib would believe that it lies in the figure's corner."""
    if dots:
        axes.plot(dots, [place] * len(dots), "o", ms=3, color=color, mec=PAPER, mew=0.4, clip_on=False, zorder=4)


def _draw_row(axes: Axes, place: int, color: str, each: Drawn) -> None:
    low, high = axes.get_xlim()
    interval = each.interval
    leaves = interval is not None and interval[0] < low and high < interval[1]
    for line in (each.tested, interval if leaves else None):
        if line:
            axes.plot(line, [place] * 2, "|-", color=color, linewidth=0.8, ms=7, mew=0.8, solid_capstyle="butt")
    if interval and not leaves:
        axes.barh(place, interval[1] - interval[0], 0.44, interval[0], color=color, alpha=0.25, linewidth=0)
    if each.mean is not None:
        axes.plot([each.mean] * 2, [place - 0.3, place + 0.3], color=color, linewidth=1.4, solid_capstyle="butt")
    draw_dots(axes, place, color, each.dots)
    for goes_on, edge, arrow in ((interval[0] < low, low, "<"), (interval[1] > high, high, ">")) if interval else ():
        if goes_on:
            axes.plot([edge], [place], arrow, ms=4, color=color, clip_on=False)


def _limit(axes: Axes, dots: list[float], intervals: Sequence[Interval]) -> None:
    """Let the panel hold all dots, and the intervals but for those that leave these by their width on both sides."""
    if not dots:
        axes.set_xlim(0, 1)
        axes.set_xticks([])
        return
    low, high = min(dots), max(dots)
    reach = (high - low) or 0.05 * abs(high) or 1.0
    far = low - reach, high + reach
    ends = [end for each in intervals if each[0] >= far[0] or each[1] <= far[1] for end in each]
    low, high = max(min([low, *ends]), far[0]), min(max([high, *ends]), far[1])
    axes.set_xlim(*with_room(low, high))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
