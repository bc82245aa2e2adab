"""The way there: the settings' curves with their bands, and their paired differences to the baseline.

A picture is as high as what the seeds themselves did after the first twentieth of the updates; a band may leave it.
"""

from collections.abc import Iterator, Sequence
from statistics import median

from charloom.pages.along_updates import by_update, over_updates, settled
from charloom.pages.pictures import GREY, drawing, in_lines, known, pictured, with_room
from charloom.pages.sections import Picture, Section
from charloom.pages.study.compared import ABOUT, COLORS, Compared
from paired import sentences as words
from paired.answering import band
from paired.data_types import Band, Curve
from paired.numbers import decimals, shown, span

LINES = ("-", "--", "-.", ":")  # of COLORS: nothing is told by a colour alone
HEIGHT, LINE, TITLE = 2.2, 0.165, 0.23  # inches: of a panel, of a line in the legend, of its title
WIDE = 44  # letters of such a line


def section(compared: Compared) -> Section | None:
    """Return the section; None where there are no curves."""
    pictures = [picture for name in compared.measured.curves for picture in _pictures(compared, name)]
    return Section("curves", "Along training", None, pictures) if pictures else None


def _pictures(compared: Compared, name: str) -> Iterator[Picture]:
    """Yield the settings' means, then their differences to the baseline, of what there is."""
    trials, curves, paired = compared.measured.settings, compared.measured.curves[name], compared.answer.bands[name]
    ended = {
        setting: [curve for seed, curve in curves.get(setting, {}).items() if trials[setting][seed].value is not None]
        for setting in compared.drawn
    }
    means = {setting: band(own) for setting, own in ended.items() if own}
    about, place = ABOUT.get(name, name), name.replace(" ", "-")
    yield from _picture(compared, place, name, about, means, [curve for own in ended.values() for curve in own])
    base = curves.get(compared.answer.baseline, {})
    pairs = [
        {update: x - base[seed][update] for update, x in curve.items() if update in base[seed]}
        for setting in compared.drawn if setting in paired
        for seed, curve in curves[setting].items() if seed in base
    ]  # fmt: skip
    title = f"{name}: difference to the baseline"
    differences = {setting: paired[setting] for setting in compared.drawn if setting in paired}
    about = f"the difference in {about}"
    yield from _picture(compared, f"{place}-difference", title, about, differences, pairs, [0.0])


def _picture(
    compared: Compared, place: str, title: str, about: str, bands: dict[str, Band], seen: list[Curve],
    lines: Sequence[float] = (),
) -> Iterator[Picture]:  # fmt: skip
    """Yield the picture of these bands, if any has a point, with the settings' names above it, and lines at values."""
    looks = dict(zip(compared.drawn, zip(COLORS, LINES, strict=True), strict=False))
    bands = {setting: band for setting, band in bands.items() if band.updates}
    if not bands:
        return
    names = {setting: in_lines(setting, WIDE) for setting in bands}
    above = TITLE + LINE * sum(name.count("\n") + 1 for name in names.values())
    last = max(update for curve in seen for update in curve)
    with drawing(HEIGHT + above) as (figure, (axes,)):
        figure.subplots_adjust(top=1 - above / (HEIGHT + above))
        for setting, band in bands.items():
            color, dashes = looks[setting]
            axes.plot(band.updates, band.means, dashes, color=color, linewidth=1, label=names[setting])
            if band.intervals:
                low, high = zip(*band.intervals, strict=True)
                axes.fill_between(band.updates, low, high, color=color, alpha=0.25, linewidth=0)
        for line in lines:
            axes.axhline(line, color=GREY, linewidth=0.6, zorder=0)
        later = [*lines, *(value for curve in seen for value in settled(curve, last).values())]
        axes.set_ylim(*with_room(min(later), max(later)))
        over_updates(axes, last)
        axes.legend(
            loc="lower left", bbox_to_anchor=(-0.02, 1), title=known(title), title_fontsize=8.5, alignment="left",
            borderaxespad=0, handlelength=2.4,
        )  # fmt: skip
    end = "; ".join(f"{setting}: {_end(band)}" for setting, band in bands.items())
    caption = f"{about[0].upper()}{about[1:]}. At the end, {end}."
    columns = [column for setting, band in bands.items() for column in _columns(setting, band)]
    yield pictured(figure, place, title, caption, by_update(columns))


def _end(band: Band) -> str:
    """Return the last point in words."""
    interval = band.intervals[-1] if band.intervals else None
    places = decimals(band.means[-1:], [(interval[1] - interval[0]) / 2] if interval else [])
    said = f" ({words.PERCENT} interval {span(interval, places)})" if interval else ""
    return shown(band.means[-1], places) + said


def _columns(setting: str, band: Band) -> list[tuple[str, dict[int, str]]]:
    """Return its means and their intervals by update, with as many decimals as its median interval leaves."""
    halves = [(high - low) / 2 for low, high in band.intervals]
    places = decimals(band.means, [median(halves)] if halves else [])
    means = [shown(mean, places) for mean in band.means]
    spans = [span(interval, places) for interval in band.intervals] or ["-"] * len(means)
    return [
        (head, dict(zip(band.updates, said, strict=True)))
        for head, said in ((setting, means), (f"{words.PERCENT} interval", spans))
    ]
