"""Draw the section `curves`: the settings' mean curves with interval bands, and paired differences to the baseline.

A band has the mean and the interval of the mean, over the seeds, at each update. The y axis covers the values of all
seeds after the first twentieth of the updates and, as far as possible, the intervals.
"""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from charloom.pages.along_updates import DOTS, by_update, over_updates, settled
from charloom.pages.pictures import GREY, as_picture, drawing, in_lines, limits, write_legend
from charloom.pages.sections import PageSection, Picture
from charloom.study_pages.presentation import ABOUT, COLORS, Presentation
from seedpairs import sentences as words
from seedpairs.analysis import band
from seedpairs.data_types import Band, Curve
from seedpairs.numbers import decimals, shown, span
from seedpairs.pairs import paired_differences

LINES = ("-", "--", "-.", ":")  # a line style for each of COLORS, for readers who cannot tell colours apart
WIDE = 44  # most letters of a line in the legend


def section(presentation: Presentation) -> PageSection | None:
    """Return the section with the curves; None if there are no curves."""
    pictures = [picture for name in presentation.analysis.curves for picture in _pictures(presentation, name)]
    return PageSection("curves", "Along training", None, pictures) if pictures else None


def _pictures(presentation: Presentation, name: str) -> Iterator[Picture]:
    """Yield a picture of the settings' mean curves, then a picture of their paired differences to the baseline.

    A picture without points is left out. Trials without a value of the measure do not count in the means.

    name  the curve's name, a key of the answer's `curves`, such as a measure
    """
    analysis = presentation.analysis
    trials, curves, paired = analysis.settings, analysis.curves[name], analysis.bands[name]
    ended = {
        setting: [curve for seed, curve in curves.get(setting, {}).items() if trials[setting][seed].value is not None]
        for setting in presentation.drawn
    }
    means = {setting: band(group) for setting, group in ended.items() if group}
    about, place = ABOUT.get(name, name), name.replace(" ", "-")
    yield from _picture(presentation, place, name, about, means, [curve for group in ended.values() for curve in group])
    base = curves.get(analysis.baseline, {})
    title = f"{name}: difference to the baseline"
    differences = {setting: paired[setting] for setting in presentation.drawn if setting in paired}
    setting_curves = [(seed, curve) for setting in differences for seed, curve in curves[setting].items()]
    pairs = [paired_differences(curve, base[seed]) for seed, curve in setting_curves if seed in base]
    about = f"the difference in {about}"
    yield from _picture(presentation, f"{place}-difference", title, about, differences, pairs, [0.0])


def _picture(
    presentation: Presentation, place: str, title: str, about: str, bands: dict[str, Band], visible: list[Curve],
    lines: Sequence[float] = (),
) -> Iterator[Picture]:  # fmt: skip
    """Yield the picture of the bands, with the settings' names above it; yield nothing if all bands are empty.

    place    the picture's id on the page
    about    a description of the curve, which begins the caption
    bands    the bands by setting
    visible  curves of single seeds; their values after the first twentieth of the updates must be inside the picture
    lines    values of y at which a horizontal line is drawn
    """
    styles = dict(zip(presentation.drawn, zip(COLORS, LINES, strict=True), strict=False))
    bands = {setting: band for setting, band in bands.items() if band.updates}
    if not bands:
        return
    last = max(update for curve in visible for update in curve)
    with drawing(2.45) as (figure, axes):
        for setting, band in bands.items():
            color, dashes = styles[setting]
            markers: Any = {"marker": ".", "ms": 4} if len(band.updates) <= DOTS else {}  # lines between few points
            axes.plot(
                band.updates, band.means, dashes, color=color, linewidth=1, label=in_lines(setting, WIDE), **markers
            )
            if band.intervals:
                low, high = zip(*band.intervals, strict=True)
                axes.fill_between(band.updates, low, high, color=color, alpha=0.25, linewidth=0)
        for line in lines:
            axes.axhline(line, color=GREY, linewidth=0.6, zorder=0)
        later = [*lines, *(value for curve in visible for value in settled(curve, last).values())]
        intervals = [dict(zip(band.updates, band.intervals, strict=False)) for band in bands.values()]
        axes.set_ylim(limits(later, [pair for group in intervals for pair in settled(group, last).values()]))
        over_updates(axes, last)
        write_legend(figure, axes, in_lines(title, WIDE))
    ends, columns = [], []
    for setting, band in bands.items():
        means, spans = _cells(band)
        interval = f" ({words.PERCENT} interval {spans[-1]})" if band.intervals else ""
        ends.append(f"{setting}: {means[-1]}{interval}")
        columns.append((setting, dict(zip(band.updates, means, strict=True))))
        columns.append((f"{words.PERCENT} interval", dict(zip(band.updates, spans, strict=True))))
    caption = f"{about[0].upper()}{about[1:]}. At the end, {'; '.join(ends)}."
    yield as_picture(figure, place, title, caption, by_update(columns))


def _cells(band: Band) -> tuple[list[str], list[str]]:
    """Return the band's means and its intervals as texts, an interval as `-` if there is none.

    The number of decimals depends on the largest and the last mean, and on the median and last width of the intervals.
    """
    halves = [(high - low) / 2 for low, high in band.intervals]
    spreads = [median(halves), halves[-1]] if halves else []
    places = decimals([max(map(abs, band.means)), band.means[-1]], spreads)
    means = [shown(mean, places) for mean in band.means]
    return means, [span(interval, places) for interval in band.intervals] or ["-"] * len(means)
