"""Draw the section `curves`: the settings' mean curves with interval bands.

A band has the mean and the interval of the mean, over the seeds, at each update. The y axis covers the values of all
seeds after the first twentieth of the updates and, as far as possible, the intervals.
"""

from statistics import median
from typing import Any

from charloom.pages.along_updates import DOTS, by_update, over_updates, settled
from charloom.pages.pictures import as_picture, drawing, in_lines, limits, write_legend
from charloom.pages.sections import PageSection, Picture
from charloom.study_pages.presentation import ABOUT, COLORS, Presentation
from seedpairs import sentences as words
from seedpairs.analysis import band
from seedpairs.data_types import Band
from seedpairs.numbers import decimals, shown, span

LINES = ("-", "--", "-.", ":")  # a line style for each of COLORS, for readers who cannot tell colours apart
WIDE = 44  # most letters of a line in the legend


def section(presentation: Presentation) -> PageSection | None:
    """Return the section with the curves; None if there are no curves."""
    pictures = [picture for name in presentation.analysis.curves if (picture := _picture(presentation, name))]
    return PageSection("curves", "Along training", None, pictures) if pictures else None


def _picture(presentation: Presentation, name: str) -> Picture | None:
    """Return the picture of the settings' mean curves, with the settings' names above it; None if it has no points.

    Trials without a value of the measure do not count in the means.

    name  the curve's name, a key of the answer's `curves`, such as a measure
    """
    trials, curves = presentation.analysis.settings, presentation.analysis.curves[name]
    ended = {
        setting: [curve for seed, curve in curves.get(setting, {}).items() if trials[setting][seed].value is not None]
        for setting in presentation.drawn
    }
    bands = {setting: own for setting, group in ended.items() if group and (own := band(group)).updates}
    about, visible = ABOUT.get(name, name), [curve for group in ended.values() for curve in group]
    styles = dict(zip(presentation.drawn, zip(COLORS, LINES, strict=True), strict=False))
    if not bands:
        return None
    last = max(update for curve in visible for update in curve)
    with drawing(2.45) as (figure, axes):
        for setting, own in bands.items():
            color, dashes = styles[setting]
            markers: Any = {"marker": ".", "ms": 4} if len(own.updates) <= DOTS else {}  # lines between few points
            axes.plot(
                own.updates, own.means, dashes, color=color, linewidth=1, label=in_lines(setting, WIDE), **markers
            )
            if own.intervals:
                low, high = zip(*own.intervals, strict=True)
                axes.fill_between(own.updates, low, high, color=color, alpha=0.25, linewidth=0)
        later = [value for curve in visible for value in settled(curve, last).values()]
        intervals = [dict(zip(own.updates, own.intervals, strict=False)) for own in bands.values()]
        axes.set_ylim(limits(later, [pair for group in intervals for pair in settled(group, last).values()]))
        over_updates(axes, last)
        write_legend(figure, axes, in_lines(name, WIDE))
    ends, columns = [], []
    for setting, own in bands.items():
        means, spans = _cells(own)
        interval = f" ({words.PERCENT} interval {spans[-1]})" if own.intervals else ""
        ends.append(f"{setting}: {means[-1]}{interval}")
        columns.append((setting, dict(zip(own.updates, means, strict=True))))
        columns.append((f"{words.PERCENT} interval", dict(zip(own.updates, spans, strict=True))))
    caption = f"{about[0].upper()}{about[1:]}. At the end, {'; '.join(ends)}."
    return as_picture(figure, name.replace(" ", "-"), name, caption, by_update(columns))


def _cells(band: Band) -> tuple[list[str], list[str]]:
    """Return the band's means and its intervals as texts, an interval as `-` if there is none.

    The number of decimals depends on the largest and the last mean, and on the median and last width of the intervals.
    """
    halves = [(high - low) / 2 for low, high in band.intervals]
    spreads = [median(halves), halves[-1]] if halves else []
    places = decimals([max(map(abs, band.means)), band.means[-1]], spreads)
    means = [shown(mean, places) for mean in band.means]
    return means, [span(interval, places) for interval in band.intervals] or ["-"] * len(means)
