"""What the curves of this page have in common."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from charloom.pages.figures import Curve, update_label
from charloom.pages.inline import BLUE, GREEN, GREY, PAPER, VERMILION

POINTS = 1000  # of a curve that are drawn, at most: two for each pixel of a phone
ROWS = 60  # of a table, at most
BEHIND: Any = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8}  # of a text that lines would cross
DOTS = 50  # points of a curve up to which each has a dot
MANY_EPOCHS = 30  # a line for each of more would be a grey wall
CURE = 10.0  # the start of AdaGrad's accumulator that tames the first updates
SETTLED = 20  # the part of the updates that is left out where the fall at the start would press the rest flat


def color_of(start: float) -> str:
    """Return the colour of trainings in which AdaGrad's accumulator starts there: one of its own for 0 and the cure."""
    return {0.0: VERMILION, CURE: GREEN}.get(start, BLUE)


def thinned(curve: Curve, most: int) -> Curve:
    """Return at most so many points: every n-th, and the last one."""
    kept = dict(islice(curve.items(), None, None, -(-len(curve) // max(most - 1, 1)) or 1))
    return kept | dict(islice(reversed(curve.items()), 1))


def settled(curve: Curve, updates: int) -> Curve:
    """Return what comes after the first twentieth of the updates; all of it where that is less than three points."""
    later = {update: value for update, value in curve.items() if update >= updates / SETTLED}
    return later if len(later) >= 3 else curve


def draw(axes: Axes, curve: Curve, color: str, label: str | None = None, width: float = 1.1) -> None:
    """Draw the curve, and a dot for each point where they are few: a line of one point is not seen."""
    points = thinned(curve, POINTS)
    marker = "." if len(points) <= DOTS else ""
    look: Any = {"marker": marker, "clip_on": not marker, "color": color, "linewidth": width, "label": label}
    axes.plot(list(points), list(points.values()), **look)  # a dot on the edge is seen whole


def mark(axes: Axes, point: tuple[float, float], marker: str, right: float, up: float, color: str = BLUE) -> None:
    """Draw a sign beside the point, so many points away, so that it covers none of the curve."""
    place = axes.transData + ScaledTranslation(right / 72, up / 72, axes.figure.dpi_scale_trans)
    inside = color if marker != "D" else "none"
    axes.plot(*zip(point, strict=True), marker, color=color, mfc=inside, ms=5.5, clip_on=False, transform=place)


def over_updates(axes: Axes, updates: int, epoch: int | None = None) -> None:
    """Let the axis be that of the updates, with a dotted line where an epoch begins."""
    axes.set_xlim(0, max(updates, 1))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(update_label)
    axes.set_xlabel("updates")
    ends = range(epoch, updates, epoch) if epoch else range(0)
    for end in ends if len(ends) <= MANY_EPOCHS else ():
        axes.axvline(end, color=GREY, linewidth=0.7, linestyle=":", zorder=0)


def cells(curves: Mapping[str, Curve], form: str, most: int = ROWS) -> list[tuple[str, ...]]:
    """Return rows of a table: the update, and there each curve's value, in this form, or nothing."""
    updates = sorted(set().union(*(thinned(curve, most) for curve in curves.values())))
    return [
        (f"{update:,}", *(format(curve[update], form) if update in curve else "" for curve in curves.values()))
        for update in updates
    ]
