"""Sections about the seeds of each setting: values, differences to the baseline, and the time to the target."""

from collections.abc import Mapping

from charloom.pages.pictures import pictured
from charloom.pages.sections import Picture, Section, Table
from charloom.pages.study.compared import Compared
from charloom.pages.study.differences import differences, line_of
from charloom.pages.study.setting_rows import Line, in_rows
from paired import sentences as words
from paired import tables
from paired.data_types import CANNOT_TELL, Seed
from paired.numbers import shown, span


def section(compared: Compared) -> Section:
    """Return the section with two pictures: the values of each setting's seeds, and the differences to the baseline."""
    places = tables.places_of_means(compared.answer)
    pictures = [_settings(compared, places), _differences(compared, places)]
    return Section("settings", "Each setting, seed by seed", None, pictures)


def _settings(compared: Compared, places: int) -> Picture:
    """Return the picture of each setting's seeds, with their mean and the mean's interval.

    places  number of decimals in the picture's table
    """
    rows, answer, end, lines = compared.rows, compared.answer, compared.ends[0], []
    for row in rows:
        notes = ["baseline"] * (row.comparison is None)
        notes += [f"{row.summary.exploded} of {len(row.trials)} exploded"] * bool(row.summary.exploded)
        notes += [f"{end} mean"] * (not compared.few and row is rows[0])
        name = f"{row.setting} ({', '.join(notes)})" if notes else row.setting
        dots = [t.value for t in row.trials.values() if t.value is not None and not t.exploded]
        lines.append(Line(name, row.color, dots, row.summary.mean, row.summary.interval, bold=row.bold))
    with in_rows(lines, f"{answer.measure} ({compared.arrow})") as (figure, axes):
        worse = axes.get_xlim()[answer.better == "lower"]
        for place, row in enumerate(rows):
            if row.summary.exploded:
                axes.plot([worse], [place], "x", color=row.color, ms=5, clip_on=False, zorder=5)
    caption = f"A dot is a seed, a stroke is their mean, a bar is the mean’s {words.PERCENT} interval."
    if any(row.summary.exploded for row in rows):
        caption += " A cross at the edge: exploded (diverged, or worse than a uniform guess)."
    if not compared.few:
        caption += (
            f" The {end} mean is at the top; this order is no verdict. In bold: settings that have a verdict. "
            "Coloured: settings whose curves are drawn."
        )
    if len(rows) < len(answer.summaries):
        shown_rows = f"{len(rows)} of {len(answer.summaries)} settings"
        caption += f" Shown are {shown_rows}: the baseline, the best, and those with curves."
    cells = {
        name: {
            seed: "diverged" if trial.value is None else shown(trial.value, places) + " exploded" * trial.exploded
            for seed, trial in compared.measured.settings[name].items()
        }
        for name in compared.summaries
    }
    return pictured(figure, "settings-picture", f"{answer.measure} of each seed", caption, _by_seed(cells))


def _differences(compared: Compared, places: int) -> Picture:
    """Return the picture of the paired differences to the baseline, with their means and intervals.

    An exploded trial gets no dot. `places` is the number of decimals in the picture's table.
    """
    answer, base = compared.answer, compared.measured.settings[compared.answer.baseline]
    lines = []
    for row in compared.rows:
        if not (contrast := row.comparison):
            lines.append(Line(f"{row.setting} (baseline)", row.color))
            continue
        name = f"{row.setting}: {words.verdict(contrast)}" if compared.few or row.bold else row.setting
        dots = [x for seed, x in contrast.counting.items() if not row.trials[seed].exploded | base[seed].exploded]
        lines.append(line_of(name, row.color, contrast, dots, bold=row.bold))
    cells = {row.setting: {seed: shown(x, places) for seed, x in row.differences.items()} for row in answer.comparisons}
    names = "differences-picture", "the difference of each pair", "setting minus baseline"
    begin = "A dot is a seed’s value minus the baseline’s value with the same seed"
    end = "" if compared.few else f" A name without a verdict: {CANNOT_TELL}."
    return differences(compared, lines, names, (begin, end), _by_seed(cells))


def _by_seed(cells: Mapping[str, Mapping[Seed, str]]) -> Table:
    """Return a table with a row for each setting and a column for each seed, from cells by setting and seed."""
    seeds = list(dict.fromkeys(seed for row in cells.values() for seed in row))
    rows = [(name, *(row.get(seed, "") for seed in seeds)) for name, row in cells.items()]
    return Table(("setting", *(f"seed {seed}" for seed in seeds)), rows)


def to_target(compared: Compared) -> Section | None:
    """Return the section with the updates at which the seeds reached the target.

    None if there is no target, or no training reached it.
    """
    if not compared.answer.has_times:
        return None
    rows, comparisons, lines = compared.rows, compared.comparisons, []
    for row in rows:
        reached = [trial.reached for trial in row.trials.values() if trial.reached is not None]
        name = f"{row.setting}: reached by {row.summary.reached} of {row.summary.trials}"
        lines.append(Line(name, row.color, reached, row.summary.mean_time if reached else None))
    last = compared.measured.budget or max(int(max(line.dots, default=0)) for line in lines)
    with in_rows(lines, "updates", updates=last) as (figure, axes):
        for place, row in enumerate(rows):
            if row.summary.reached < row.summary.trials:
                axes.plot([last], [place], ">", color=row.color, mfc="none", ms=6, clip_on=False, zorder=2.9)
    table = [
        (
            own.setting, f"{own.reached}", f"{own.trials}", shown(own.mean_time, 0),
            span(comparisons[own.setting].time_interval, 0) if own.setting in comparisons else "",
        )
        for own in compared.answer.summaries
    ]  # fmt: skip
    picture = pictured(
        figure, "target-picture", f"updates to the target, {compared.answer.target}",
        "A dot is a seed, at the update where its loss first fell below the target. An open triangle at the edge: "
        "seeds that never reached the target. A stroke is the mean; those seeds count with all their updates.",
        Table(("setting", "reached", "of", "updates, mean", f"{words.PERCENT} interval of the difference"), table),
    )  # fmt: skip
    return Section("target", "Time to the target", None, [picture])
