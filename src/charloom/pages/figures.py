"""Pictures for print.

The first twentieth of the updates may leave the picture through its top: the fall from a uniform guess is steep and
always the same, and would press the rest into a flat band. Nothing after it is cut.
"""

import io
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from charloom.results.records import Levels, PublishedFigures, TextMetrics, TrainMetrics

STYLE: Any = {
    "font.family": "serif",
    "font.serif": ["STIXGeneral"],
    "mathtext.fontset": "stix",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.handlelength": 1.4,
}
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#595959"  # the first two are told apart by the colour-blind, too
MANY_EPOCHS = 30  # a dotted line for each of more would be a grey wall
MANY_DOTS = 50  # points of a curve up to which each has a dot
TINY, LARGE = 1e-2, 1e5  # between them numbers at an axis are written without a power of ten
FEW = 3  # points that have to be left for the first to be left out
SMALL = 7.5  # points, of what stands beside a line
SPACE = 10.5  # points from one such text to the next

Curve = dict[int, float]  # a value by update


class Marks(NamedTuple):
    """Points of a panel: how they are drawn, and what the legend says."""

    points: Curve
    marker: str
    label: str
    color: str = BLUE
    inside: str = BLUE


def published_curve(published: PublishedFigures, text: TextMetrics, seq_length: int) -> Curve:
    """Return the published curve where it may stand beside this run's, else nothing.

    That is where a sequence is as long, and the text is known to be English prose, as the published one is.
    """
    same_length = published.settings["seq_length"] == seq_length
    return published.smooth_loss if same_length and text.sha256 in published.drawn_beside else {}


def training_figure(
    smooth_loss: Curve, held_out: Curve, train: TrainMetrics, text: TextMetrics, published: Curve, novel: str
) -> Figure:
    """Return the picture of a training: smooth loss, and below it, where text was held out, what that text costs.

    smooth_loss  nats per sequence
    held_out     bits per character of a part of the held-out text
    published    the source report's smooth loss, on another novel, of that name
    """
    measure = train.held_out_bits_per_character
    ends = range(train.updates_per_epoch, train.updates, train.updates_per_epoch)
    ends = ends if len(ends) <= MANY_EPOCHS else range(0)
    lowest = f"lowest: {train.best_smooth_loss:.2f} at {train.best_update:,}"
    marks = [Marks({train.best_update: train.best_smooth_loss}, "v", lowest)]
    if shown := {update: loss for update, loss in published.items() if update <= train.updates}:
        marks.insert(0, Marks(shown, "o", f"the report’s run, on another novel: {novel}", VERMILION, "white"))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 3.4 if measure is None else 5.4), dpi=200, layout="constrained")
        heights = (1,) if measure is None else (3, 2)
        panels = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        for axes in panels:
            axes.set_xlim(0, max(train.updates, 1))
            for end in ends:
                axes.axvline(end, color="0.6", linewidth=0.6, linestyle=":", zorder=0)
        _draw(panels[0], smooth_loss, "this run", marks)
        panels[0].set_ylabel("smooth loss (nats per sequence)")
        if measure is not None:
            read = f"all that is measured ({train.held_out_characters_read:,} characters): {measure:.3f}"
            final = Marks({train.updates: measure}, "D", read, BLUE, "none")
            _draw(panels[1], held_out, "held-out text, a part of it", [final])
            panels[1].set_ylabel("bits per character")
        panels[-1].xaxis.set_major_locator(MaxNLocator(6, integer=True))
        panels[-1].xaxis.set_major_formatter(update_label)
        panels[-1].set_xlabel("updates" + (" (dotted: a new epoch begins)" if ends else ""))
        figure.draw_without_rendering()  # lays it out: what is written beside a panel needs its height
        for axes, levels, digits in zip(
            panels, (text.nats_per_sequence, text.bits_per_character), (1, 2), strict=False
        ):
            _write_levels(axes, levels, digits)
    return figure


def png(figure: Figure) -> bytes:
    """Return the figure as a PNG: equal figures give equal bytes."""
    content = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def svg(figure: Figure, style: Any = STYLE) -> str:
    """Return the figure, drawn in this style, as an SVG: equal figures give equal bytes."""
    content = io.StringIO()
    with mpl.rc_context(style | {"svg.hashsalt": "charloom"}):
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return content.getvalue()


def _draw(axes: Axes, curve: Curve, label: str, marks: list[Marks]) -> None:
    """Draw the curve and the marks, as large as what comes after the first twentieth of the updates lets them."""
    everything = [point for points in (curve, *(each.points for each in marks)) for point in points.items()]
    later = [point for point in everything if point[0] >= axes.get_xlim()[1] / 20]
    lowest = min(value for _, value in everything)
    highest = max(value for _, value in (later if len(later) >= FEW else everything))
    room = max(0.12 * (highest - lowest), 0.02 * highest) or 1.0
    bottom, top = max(lowest - room, 0.0), highest + room
    axes.set_ylim(bottom, top)
    if not TINY < top < LARGE:
        axes.yaxis.set_major_formatter("{x:g}")  # a common power of ten would stand in the legend
    if curve:
        axes.plot(list(curve), list(curve.values()), color=BLUE, linewidth=0.9, label=label)
    dots = [Marks(curve, ".", "")] if len(curve) <= MANY_DOTS else []  # of few points a line alone may not be seen
    for each in (*dots, *marks):
        points = {update: value for update, value in each.points.items() if bottom <= value <= top}
        shape: Any = {"markersize": 4, "mec": each.color, "mfc": each.inside, "mew": 0.9, "clip_on": False, "zorder": 4}
        if points:
            axes.plot(list(points), list(points.values()), each.marker, label=each.label, **shape)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1), ncols=2, borderaxespad=0.2, columnspacing=1.2)


def _write_levels(axes: Axes, levels: Levels, digits: int) -> None:
    """Draw where counting alone gets to, and write it beside the panel, with an arrow where it lies outside."""
    bottom, top = axes.get_ylim()
    space = SPACE / (axes.get_window_extent().height / axes.figure.dpi * 72)
    place = -space
    for name, level in sorted(levels.model_dump().items(), key=lambda each: each[1]):
        arrow = "↓ " if level < bottom else "↑ " if level > top else ""
        if not arrow:
            axes.axhline(level, color="0.6", linewidth=0.6, linestyle=(0, (4, 3)), zorder=0)
        place = max(place + space, min(max((level - bottom) / (top - bottom), 0), 1))
        said = f"{arrow}{'' if name == 'uniform' else 'in-sample '}{name} {level:.{digits}f}"
        axes.annotate(
            said, (1, place), xycoords="axes fraction", xytext=(8, 0), textcoords="offset points",
            va="center_baseline", color=GREY, fontsize=SMALL,
        )  # fmt: skip


def update_label(value: float, _: float) -> str:
    """Return a tick's label, short where there are millions."""
    return f"{value / 1e6:,g} M" if value >= 1e6 else f"{value:,.0f}"
