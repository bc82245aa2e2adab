"""Curves over updates: what of them is drawn, and what stands in a table.

The first twentieth of the updates may leave a picture: the fall from a uniform guess is steep and always the same, and
would press the rest into a flat band. Nothing after it is cut.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from charloom.pages.pictures import BLUE, GREY
from charloom.pages.sections import Table
from charloom.results.run import thinned as every_nth

Curve = dict[int, float]  # a value by update
Point = TypeVar("Point")
SETTLED = 20  # the part of the updates after which a curve is seen whole
FEWEST = 3  # points that have to be left for the first to be left out
POINTS = 1000  # of a curve that are drawn, at most: two for each pixel of a phone
ROWS = 60  # of a table, at most
DOTS = 50  # points of a curve up to which each has a dot
MANY_EPOCHS = 30  # a line for each of more would be a grey wall


def settled(curve: Curve, updates: int) -> Curve:
    """Return what comes after the first twentieth of the updates; all of it where that is less than three points."""
    later = {update: value for update, value in curve.items() if update >= updates / SETTLED}
    return later if len(later) >= FEWEST else curve


def points_of(curve: dict[int, Point], most: int) -> dict[int, Point]:
    """Return at most so many of the points, the last one among them."""
    return every_nth(curve, most - 1) | dict(islice(reversed(curve.items()), 1))


def by_update(columns: Sequence[tuple[str, dict[int, str]]]) -> Table:
    """Return a table of what each column, by its head, says at some of its updates."""
    updates = sorted(set().union(*(points_of(column, ROWS) for _, column in columns)))
    rows = [(f"{update:,}", *(column.get(update, "") for _, column in columns)) for update in updates]
    return Table(("updates", *(head for head, _ in columns)), rows)


def table_of(curves: Mapping[str, Curve], form: str) -> Table:
    """Return a table of the curves' values, in this form."""
    return by_update([(name, {u: format(x, form) for u, x in curve.items()}) for name, curve in curves.items()])


def over_updates(axes: Axes, updates: int, epoch: int | None = None) -> None:
    """Let the axis be that of the updates, with a dotted line where an epoch begins."""
    axes.set_xlim(0, max(updates, 1))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(update_label)
    axes.set_xlabel("updates")
    ends = range(epoch, updates, epoch) if epoch else range(0)
    for end in ends if len(ends) <= MANY_EPOCHS else ():
        axes.axvline(end, color=GREY, linewidth=0.7, linestyle=":", zorder=0)


def update_label(value: float, _: float) -> str:
    """Return a tick's label, short where there are millions."""
    return f"{value / 1e6:,g} M" if value >= 1e6 else f"{value:,.0f}"


def draw(axes: Axes, curve: Curve, color: str, label: str | None = None, **look: Any) -> None:
    """Draw the curve, and a dot for each point where they are few: a line of one point is not seen."""
    points = points_of(curve, POINTS)
    marker = "." if len(points) <= DOTS else ""  # a dot on the edge is seen whole
    axes.plot(list(points), list(points.values()), color=color, label=label, marker=marker, clip_on=not marker, **look)


def mark(axes: Axes, point: tuple[float, float], marker: str, right: float, up: float, color: str = BLUE) -> None:
    """Draw a sign beside the point, so many points away, so that it covers none of the curve."""
    place = axes.transData + ScaledTranslation(right / 72, up / 72, axes.figure.dpi_scale_trans)
    inside = color if marker != "D" else "none"
    axes.plot(*zip(point, strict=True), marker, color=color, mfc=inside, ms=5.5, clip_on=False, transform=place)
