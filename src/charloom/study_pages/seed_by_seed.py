"""The section about the seeds of each setting: their values, and their differences to the baseline.

`differences_picture` also draws the picture of the effects of factors: see effects_section.py.
"""

from collections.abc import Mapping, Sequence
from itertools import islice

from charloom.pages.pictures import FAINT, GREY, as_picture
from charloom.pages.rows import Line, draw_rows
from charloom.pages.sections import PageSection, Picture, Table
from charloom.study_pages.presentation import Presentation
from seedpairs import sentences as words
from seedpairs import tables
from seedpairs.data_types import CANNOT_TELL, LEVEL, Contrast, Measurement, Seed
from seedpairs.numbers import decimals, shown, span
from seedpairs.statistics import moments, student_interval

FIRST_SEEDS = (3, 5, 10, 20)  # numbers of first seeds whose interval a lesson shows, besides that of all seeds


def section(presentation: Presentation) -> PageSection:
    """Return the section with two pictures: the values of each setting's seeds, and the differences to the baseline."""
    places = tables.places_of_means(presentation.analysis)
    pictures = [_settings(presentation, places), _differences(presentation, places)]
    return PageSection("settings", "Each setting, seed by seed", None, pictures)


def _settings(presentation: Presentation, places: int) -> Picture:
    """Return the picture of each setting's values by seed, with their mean and the mean's interval.

    places  number of decimals in the picture's table
    """
    rows, analysis, lines = presentation.rows, presentation.analysis, []
    for row in rows:
        notes = ["baseline"] if row.comparison is None else []
        notes += [f"{row.summary.exploded} of {len(row.trials)} exploded"] if row.summary.exploded else []
        name = f"{row.setting} ({', '.join(notes)})" if notes else row.setting
        counting = islice(row.trials.values(), row.summary.trials)  # later seeds are in the table only
        dots = [trial.value for trial in counting if trial.value is not None and not trial.exploded]
        lines.append(Line(name, row.color, dots, row.summary.mean, row.summary.interval, bold=row.bold))
    figure, axes = draw_rows(lines, f"{analysis.measure} ({presentation.arrow})")
    worse = axes.get_xlim()[analysis.better == "lower"]
    for place, row in enumerate(rows):
        if row.summary.exploded:
            axes.plot([worse], [place], "x", color=row.color, ms=5, clip_on=False, zorder=5)
    caption = f"A dot is a seed, a stroke is their mean, a bar is the mean’s {words.PERCENT} interval."
    if any(row.summary.exploded for row in rows):
        caption += " A cross at the edge: exploded (diverged, or worse than a uniform guess)."
    if not presentation.few:
        caption += (
            " The best mean is at the top; this order is no verdict. In bold: settings that have a verdict. Coloured: "
            "settings whose curves are drawn."
        )
    if len(rows) < len(analysis.summaries):
        caption += f" Shown are {len(rows)} of {len(analysis.summaries)} settings."

    def cell(trial: Measurement) -> str:
        if trial.value is None:
            return "diverged"
        return f"{shown(trial.value, places)} exploded" if trial.exploded else shown(trial.value, places)

    cells = {
        summary.setting: {seed: cell(x) for seed, x in analysis.settings[summary.setting].items()}
        for summary in analysis.summaries
    }
    return as_picture(figure, "settings-picture", f"{analysis.measure} of each seed", caption, _by_seed(cells))


def _differences(presentation: Presentation, places: int) -> Picture:
    """Return the picture of the paired differences to the baseline, with their means and intervals.

    A pair with an exploded trial gets no dot. `places` is the number of decimals in the picture's table.
    """
    analysis = presentation.analysis
    base = analysis.settings[analysis.baseline]
    lines = []
    for row in presentation.rows:
        if not (contrast := row.comparison):
            lines.append(Line(f"{row.setting} (baseline)", row.color))
            continue
        name = f"{row.setting}: {words.verdict(contrast)}" if presentation.few or row.bold else row.setting
        dots = [x for seed, x in contrast.counting.items() if not row.trials[seed].exploded | base[seed].exploded]
        lines.append(line_of(name, row.color, contrast, dots, bold=row.bold))
    cells = {
        row.setting: {seed: shown(x, places) for seed, x in row.differences.items()} for row in analysis.comparisons
    }
    names = "differences-picture", "the difference of each pair", "setting minus baseline"
    begin = "A dot is a seed’s value minus the baseline’s value with the same seed"
    end = "" if presentation.few else f" A name without a verdict: {CANNOT_TELL}."
    return differences_picture(presentation, lines, names, (begin, end), _by_seed(cells))


def _by_seed(cells: Mapping[str, Mapping[Seed, str]]) -> Table:
    """Return a table with a row for each setting and a column for each seed, from cells by setting and seed."""
    seeds = list(dict.fromkeys(seed for row in cells.values() for seed in row))
    rows = [(name, *(row.get(seed, "") for seed in seeds)) for name, row in cells.items()]
    return Table(("setting", *(f"seed {seed}" for seed in seeds)), rows)


def line_of(name: str, color: str, contrast: Contrast, dots: list[float], *, bold: bool) -> Line:
    """Return the row of a contrast in a picture: its mean and intervals, and a dot for each value in `dots`."""
    tested = contrast.tested_interval if round(contrast.tested_level, 6) != LEVEL else None
    return Line(name, color, dots, contrast.mean_difference, contrast.interval, tested, bold)


def differences_picture(
    presentation: Presentation, lines: Sequence[Line], names: tuple[str, str, str], caption_ends: tuple[str, str],
    table: Table,
) -> Picture:  # fmt: skip
    """Return the picture of the differences in `lines`, which are rows as `line_of` returns them.

    names         the picture's id on the page, its title, and the label of its x axis
    caption_ends  the beginning and the end of the caption
    table         the numbers in the picture
    """
    smallest = presentation.analysis.smallest_difference
    caption = f"{caption_ends[0]}, a stroke is their mean, a bar is the mean’s {words.PERCENT} interval."
    if any(line.tested for line in lines):
        caption += (
            " The verdict comes from the line between two short strokes: an interval that is widened because several "
            "effects are tested, or at several looks. If the whole line is on one side of 0, the verdict can be "
            "better or worse. The bar decides nothing."
        )
    else:
        caption += " If the whole interval is on one side of 0, the verdict can be better or worse."
    if len(presentation.analysis.looks) > 1:
        caption += " If a verdict was reached at a look, only the seeds of that look are drawn."
    if smallest is not None:
        caption += f" Grey band: differences below {smallest:g} do not matter."
    place, title, axis = names
    figure, axes = draw_rows(lines, f"{axis} ({presentation.arrow})", [0.0, smallest or 0.0, -(smallest or 0.0)])
    axes.axvline(0, color=GREY, linewidth=0.6, zorder=0)
    if smallest is not None:
        axes.axvspan(-smallest, smallest, color=FAINT, linewidth=0, zorder=-1)
    return as_picture(figure, place, title, caption + caption_ends[1], table)


def lesson(presentation: Presentation) -> PageSection | None:
    """Return the section about the answers that fewer seeds would have given; None if it has no picture.

    A comparison gets a picture if it has at least three pairs and there are at most FEW comparisons.
    """
    comparisons = presentation.analysis.comparisons if presentation.few else []
    contrasts = [contrast for contrast in comparisons if len(contrast.differences) >= FIRST_SEEDS[0]]
    pictures = [_lesson(presentation, n, contrast) for n, contrast in enumerate(contrasts, 1)]
    return PageSection("lesson", "What fewer seeds would have said", None, pictures) if pictures else None


def _lesson(presentation: Presentation, n: int, contrast: Contrast) -> Picture:
    """Return the n-th picture: the difference of each seed, and mean and interval of the first 3, 5, … seeds."""
    analysis, x = presentation.analysis, list(contrast.differences.values())
    sides = analysis.settings[contrast.setting], analysis.settings[analysis.baseline]
    dots = [value for seed, value in contrast.differences.items() if not any(side[seed].exploded for side in sides)]
    low, high = sum(value < 0 for value in x), sum(value > 0 for value in x)
    better, worse = (low, high) if analysis.better == "lower" else (high, low)
    color = next(row.color for row in presentation.rows if row.setting == contrast.setting)
    lines = [Line(f"one seed alone: {better} say better, {worse} say worse", color, dots)]
    for count in [*(count for count in FIRST_SEEDS if count < len(x)), len(x)]:
        name, first = f"the first {count:,} seeds" if count < len(x) else f"all {count:,} seeds", moments(x[:count])
        lines.append(Line(name, color, (), first.mean, student_interval(first, LEVEL)))
    figure, axes = draw_rows(lines, f"setting minus baseline ({presentation.arrow})", [0.0])
    axes.axvline(0, color=GREY, linewidth=0.6, zorder=0)
    places = decimals([line.mean for line in lines], x)
    cells = [(line.name, shown(line.mean, places), span(line.interval, places)) for line in lines[1:]]
    table = Table(("seeds", "mean difference", f"{words.PERCENT} interval"), cells)
    caption = f"{contrast.setting}. A dot is a seed, a stroke is a mean, a bar is the mean’s {words.PERCENT} interval."
    return as_picture(figure, f"lesson-{n}", f"{contrast.setting}: the first seeds", caption, table)
