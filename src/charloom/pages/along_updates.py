"""Curves over updates, in pictures and in tables.

A picture may leave out the first twentieth of the updates: each loss falls steeply there, from that of a uniform guess,
and the rest would look flat. All later points are inside the picture.

A curve is a mapping from update to value, in ascending order of the updates.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from charloom.pages.pictures import BLUE, GREY
from charloom.pages.sections import Table
from charloom.results.run import Curve, Point
from charloom.results.run import thinned as every_nth

SETTLED = 20  # a picture starts after 1 / SETTLED of the updates
FEWEST = 3  # points that must remain; otherwise the curve is drawn from its first point
POINTS = 1000  # most points of a curve that are drawn: two for each pixel of a phone
ROWS = 60  # most rows of a table
DOTS = 50  # most points of a curve that are drawn with dots
MANY_EPOCHS = 30  # most epochs whose boundaries are drawn


def settled(curve: dict[int, Point], updates: int) -> dict[int, Point]:
    """Return the curve after the first twentieth of the `updates`, or all of it if fewer than FEWEST points remain."""
    later = {update: value for update, value in curve.items() if update >= updates / SETTLED}
    return later if len(later) >= FEWEST else curve


def points_of(curve: dict[int, Point], most: int) -> dict[int, Point]:
    """Return at most `most` points of the curve: points at equal distances, and the last point."""
    return every_nth(curve, most - 1) | dict(islice(reversed(curve.items()), 1))


def by_update(columns: Sequence[tuple[str, dict[int, str]]], counted: str = "updates") -> Table:
    """Return a table with a row for each update in a column. At most ROWS updates of each column are taken.

    columns  (title, cells) of each column; the cells are a mapping from update to text, and a missing cell is empty
    counted  the title of the first column: what the keys of the cells count
    """
    updates = sorted(set().union(*(points_of(column, ROWS) for _, column in columns)))
    rows = [(f"{update:,}", *(column.get(update, "") for _, column in columns)) for update in updates]
    return Table((counted, *(head for head, _ in columns)), rows)


def table_of(curves: Mapping[str, Curve], form: str, counted: str = "updates") -> Table:
    """Return a table as `by_update` does, with a column for each curve.

    curves  the curves by the titles of their columns
    form    format of the values: ".2f"
    counted  the title of the first column: see `by_update`
    """
    cells = {name: {update: format(value, form) for update, value in curve.items()} for name, curve in curves.items()}
    return by_update([*cells.items()], counted)


def over_updates(axes: Axes, updates: int, epoch: int | None = None, label: str = "updates") -> None:
    """Set up the x axis for 0 to `updates` updates, with a dotted line at the beginning of each epoch after the first.

    epoch  number of updates of an epoch; no lines are drawn for None, or for more than MANY_EPOCHS lines
    label  the label of the axis: what the axis counts
    """
    axes.set_xlim(0, max(updates, 1))
    axes.xaxis.set_major_locator(MaxNLocator(5 if updates < 10_000 else 4, integer=True))  # longer labels, fewer ticks
    axes.xaxis.set_major_formatter(update_label)
    axes.set_xlabel(label)
    ends = range(epoch, updates, epoch) if epoch else range(0)
    for end in ends if len(ends) <= MANY_EPOCHS else ():
        axes.axvline(end, color=GREY, linewidth=0.7, linestyle=":", zorder=0)


def update_label(value: float, _: float) -> str:
    """Return the label of a tick of the x axis: `20,000`, or `1.5 M` from a million on. matplotlib calls this."""
    return f"{value / 1e6:,g} M" if value >= 1e6 else f"{value:,.0f}"


def draw(axes: Axes, curve: Curve, color: str, label: str | None = None, **style: Any) -> None:
    """Draw at most POINTS points of the curve as a line. A curve of at most DOTS points also gets dots.

    Without dots, a curve of one point would be invisible.

    label  the curve's name in the legend; None: the curve is not in the legend
    style  further arguments of matplotlib's `plot`
    """
    points = points_of(curve, POINTS)
    marker = "." if len(points) <= DOTS else ""
    axes.plot(list(points), list(points.values()), color=color, label=label, marker=marker, clip_on=not marker, **style)


def mark(axes: Axes, point: tuple[float, float], marker: str, right: float, up: float) -> None:
    """Draw a marker beside a data point, so that the curve stays visible.

    marker     matplotlib's sign for the marker; the diamond `D` is hollow
    right, up  distance from the data point, in typographic points (1/72 inch)
    """
    place = axes.transData + ScaledTranslation(right / 72, up / 72, axes.figure.dpi_scale_trans)
    inside = BLUE if marker != "D" else "none"
    axes.plot(*zip(point, strict=True), marker, color=BLUE, mfc=inside, ms=5.5, clip_on=False, transform=place)
