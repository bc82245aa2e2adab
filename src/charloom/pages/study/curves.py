"""The way there: the settings' curves with their bands, and their paired differences to the baseline."""

from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes

from charloom.pages.comparison_curves import Stroke, draw_means, draw_paired, mean_band
from charloom.pages.inline import GREY, STYLE, drawing, inline, pointer
from charloom.pages.page import Picture, Section, Table
from charloom.pages.study.measures import ABOUT
from charloom.pages.study.names import breakable
from charloom.pages.study.results import COLORS, Results
from charloom.pages.wording import in_lines, known
from charloom.results.run import thinned
from paired import sentences as words
from paired.data_types import Band

LINES = ("-", "--", "-.", ":")  # of COLORS: nothing is told by a colour alone
ROWS = 60  # of a table, at most
HEIGHT, LINE, TITLE = 2.2, 0.165, 0.2  # inches: of a panel, of a line in the legend, of its title
WIDE = 44  # characters of such a line
FONT = STYLE["font.family"]

Bands = dict[str, Band]  # by setting
Strokes = dict[str, Stroke]  # likewise, the baseline first


def section(results: Results) -> Section | None:
    """Return the section; None where the study has no curves."""
    colors = {row.setting: row.color for row in results.rows if row.color in COLORS}
    strokes = {
        setting: Stroke(color, LINES[COLORS.index(color)])
        for setting, color in sorted(colors.items(), key=lambda each: COLORS.index(each[1]))
    }
    found = list(_pictures(results, strokes))
    if not found:
        return None
    it = {
        "pictures": [picture for _, picture, _ in found],
        "drawn": [] if len(strokes) == len(results.answer.summaries) else list(_why(results)),
        "percent": words.PERCENT,
        "measure": breakable(results.answer.measure),
    }
    return Section("curves", "Along training", it, {place: pointed for place, _, pointed in found})


def _why(results: Results) -> Iterator[tuple[Markup, str]]:
    """Yield of each setting that is drawn why it is, with its verdict."""
    best, worst = ("lowest", "highest") if results.answer.better == "lower" else ("highest", "lowest")
    ends = dict(zip((best, worst), dict.fromkeys([*results.decided[:1], *results.decided[-1:]]), strict=False))
    drawn = {results.first: f"the {best} mean of the others"}
    for end, name in ends.items():
        drawn.setdefault(name, f"the {end} mean of those with a verdict")
    yield breakable(results.answer.baseline), "the baseline"
    for name, why in drawn.items():
        yield breakable(name), f"{why} ({results.comparisons[name].verdict})"


def _pictures(results: Results, strokes: Strokes) -> Iterator[tuple[str, Picture, Any]]:
    """Yield of each curve the settings' means, then their differences: each with its place, and for the script."""
    answer, measured = results.answer, results.measured
    for name in measured.curves:
        means = {setting: mean_band(name, setting, measured) for setting in strokes}
        paired = answer.bands.get(name, {})
        draw_both: tuple[Callable[[Axes], None], ...] = (
            partial(draw_means, name=name, strokes=strokes, measured=measured),
            partial(draw_paired, name=name, strokes=strokes, answer=answer, measured=measured, line=GREY),
        )
        titles = name, f"{name}: difference to the baseline"
        abouts = ABOUT[name], f"the difference in {ABOUT[name]}"
        for what, about, bands, draw in zip(titles, abouts, (means, paired), draw_both, strict=True):
            if drawn := {setting: bands[setting] for setting in strokes if setting in bands and bands[setting].updates}:
                place = what.replace(": ", "-").replace(" ", "-")
                yield place, *_picture(place, what, about, drawn, strokes, draw)


def _picture(
    place: str, what: str, about: str, bands: Bands, strokes: Strokes, draw: Callable[[Axes], None]
) -> tuple[Picture, Any]:
    """Return a picture of these bands with the settings' names above it, and what the script says of it."""
    names = {setting: in_lines(setting, WIDE, FONT) for setting in bands}
    above = TITLE + LINE * sum(name.count("\n") + 1 for name in names.values())
    with drawing(HEIGHT + above) as figure:
        figure.subplots_adjust(top=1 - (above + 0.03) / (HEIGHT + above))
        axes = figure.subplots()
        draw(axes)
        for setting, name in names.items():
            axes.plot([], [], strokes[setting].line, color=strokes[setting].color, label=name)
        axes.legend(
            loc="lower left", bbox_to_anchor=(-0.02, 1), title=known(what, FONT), title_fontsize=8.5, alignment="left",
            borderaxespad=0, handlelength=2.4,
        )  # fmt: skip
        end = "; ".join(f"{setting}: {_end(band)}" for setting, band in bands.items())
        svg = inline(figure, place, what, f"At the end, {end}.")
        updates = next(iter(bands.values())).updates
        means = {setting: dict(zip(band.updates, band.means, strict=True)) for setting, band in bands.items()}
        said = {"update": [f"{update:,}" for update in updates]} | {
            setting: [f"{each[update]:.4g}" if update in each else "-" for update in updates]
            for setting, each in means.items()
        }
        pointed = pointer(figure, axes, updates, said)
    return Picture(svg, f"{about[0].upper()}{about[1:]}. At the end, {end}.", _table(bands), what), pointed


def _end(band: Band) -> str:
    """Return the last point in words."""
    interval = band.intervals[-1] if band.intervals else None
    places = words.decimals(band.means[-1:], [(interval[1] - interval[0]) / 2] if interval else [])
    return words.shown(band.means[-1], places) + (
        f" ({words.PERCENT} interval {words.span(interval, places)})" if interval else ""
    )


def _table(bands: Bands) -> Table:
    """Return the mean and its interval of each setting, at some of the updates."""
    points = {
        setting: {
            update: (words.shown(mean, places), words.span(band.intervals[at] if band.intervals else None, places))
            for at, (update, mean) in enumerate(zip(band.updates, band.means, strict=True))
        }
        for setting, band in bands.items()
        for places in [_places(band)]
    }
    updates = sorted(set().union(*(thinned(each, ROWS) for each in points.values())))
    heads = [head for setting in bands for head in (breakable(setting), f"{words.PERCENT} interval")]
    rows = [(f"{u:,}", *(cell for each in points.values() for cell in each.get(u, ("", "")))) for u in updates]
    return Table(("updates", *heads), rows)


def _places(band: Band) -> int:
    """Return how many decimals a column of the band has: as many as its median interval leaves."""
    halves = [(high - low) / 2 for low, high in band.intervals]
    return words.decimals(band.means, [median(halves)] if halves else [])
