"""The section `effects`: all effects of the factors, and a picture for each pair of factors that interact."""

from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from charloom.pages.pictures import GREY, INK, as_picture, drawable_text, drawing, in_lines, write_legend
from charloom.pages.sections import PageSection, Picture, Table
from charloom.study_pages.bands import LINES
from charloom.study_pages.presentation import ABOUT, COLORS, ROWS, Presentation, verdict_second
from charloom.study_pages.seed_by_seed import differences_picture, line_of
from seedpairs import sentences as words
from seedpairs import tables
from seedpairs.data_types import CANNOT_TELL, DEPENDS, Analysis
from seedpairs.effects import shown_effects
from seedpairs.factors import Design, design_of
from seedpairs.numbers import decimals, shown
from seedpairs.statistics import moments


def section(presentation: Presentation) -> PageSection | None:
    """Return the section with pictures of the effects and of the interactions; None without effects."""
    design = design_of(presentation.analysis)
    if not design:
        return None
    interactions = [effect for effect in presentation.analysis.effects if effect.verdict == DEPENDS]
    pairs = list(dict.fromkeys((effect.factor, effect.other) for effect in interactions))
    crossed = [_crossed(presentation, design, *pair) for pair in pairs]
    return PageSection("effects", "What each factor does", pairs, [_in_rows(presentation), *crossed])


def _in_rows(presentation: Presentation) -> Picture:
    """Return the picture of the first ROWS effects, with a dot for each seed, and their intervals."""
    analysis, every, lines = presentation.analysis, shown_effects(presentation.analysis), []
    for effect in every[:ROWS]:
        name = f"{words.name(effect)}{words.amount(effect, analysis)}: {words.verdict(effect)}"
        is_sure = effect.verdict != CANNOT_TELL
        lines.append(line_of(name, INK if is_sure else GREY, effect, list(effect.counting.values()), bold=is_sure))
    end = " Each effect is averaged over the params that its name does not contain."
    if len(lines) < len(every):
        end += f" Shown are {len(lines)} of {len(every)} effects."
    names = "effects-picture", "what each factor does", "first level minus second"
    return differences_picture(presentation, lines, names, ("A dot is a seed", end), effects_table(analysis))


def effects_table(analysis: Analysis) -> Table:
    """Return a table of the effects: averages over all other params, and effects at one value of another param."""
    return verdict_second(("one value against another", *tables.EFFECTS[1:]), tables.effect_rows(analysis))


def _crossed(presentation: Presentation, of: Design, factor: str, other: str) -> Picture:
    """Return the picture of the measure over the levels of one factor, with a line for each level of the other factor.

    A level is a value of a factor. The factor with more levels is on the x axis. At most four levels get a line.

    of  the design of the settings, see seedpairs.factors.Design
    """
    across, lines = sorted((factor, other), key=lambda name: -len(of.levels[name]))
    analysis = presentation.analysis
    levels, drawn = _sorted(of.levels[across]), _sorted(of.levels[lines][: len(COLORS)])  # the baseline's among them
    means = {line: [_of_level(presentation, of, {across: level, lines: line}) for level in levels] for line in drawn}
    about = ABOUT.get(analysis.measure, analysis.measure)
    with drawing(2.6, 0.65) as (figure, axes):
        figure.subplots_adjust(bottom=0.2)
        for at, (line, groups) in enumerate(means.items()):
            color, place = COLORS[at], np.arange(len(levels)) + 0.04 * (at - (len(means) - 1) / 2)
            points = [(x, mean) for x, y in zip(place, groups, strict=True) if (mean := moments(y).mean) is not None]
            label = drawable_text(f" {lines}={line}")  # matplotlib leaves out labels that begin with `_`
            axes.plot([x for x, _ in points], [mean for _, mean in points], LINES[at], color=color, label=label)
            for x, values in zip(place, groups, strict=True):
                axes.plot([x] * len(values), values, "o", ms=3, color=color, mec="none", alpha=0.6)
        axes.set_xticks(range(len(levels)), [in_lines(level, max(7, 44 // len(levels))) for level in levels])
        axes.set_xlabel(drawable_text(across))
        axes.set_xlim(-0.4, len(levels) - 0.6)
        write_legend(figure, axes, drawable_text(presentation.unit or analysis.measure))
    every = [moments(values) for row in means.values() for values in row]
    places = decimals([x.mean for x in every if x.mean is not None], [x.sd for x in every if x.sd])
    over = ", over all other params" if len(of.levels) > 2 else ""
    caption = (
        f"{about[0].upper()}{about[1:]}{over}. A dot is a seed, a line joins the means. If the lines are not parallel, "
        f"the effect of {across} depends on {lines}."
    )
    if len(means) < len(of.levels[lines]):
        caption += f" Shown are {len(means)} of {len(of.levels[lines])} levels of {lines}."
    table = Table(
        (across, *(f"{lines}={line}" for line in means)),
        [(level, *(shown(moments(row[at]).mean, places) for row in means.values())) for at, level in enumerate(levels)],
    )
    name = f"crossed-{list(of.levels).index(across)}-{list(of.levels).index(lines)}"
    return as_picture(figure, name, f"{across} at each level of {lines}", caption, table)


def _of_level(presentation: Presentation, of: Design, level: dict[str, str]) -> NDArray[np.float64]:
    """Return, for each seed, the mean value of all settings that have the levels in `level`: (seeds,).

    Only seeds that have a value in all these settings count.

    of     the design of the settings
    level  name of a factor to its level, for one or more factors; the mean is over all levels of the other factors
    """
    place = tuple(names.index(level[name]) if name in level else slice(None) for name, names in of.levels.items())
    trials = [presentation.analysis.settings[name] for name in np.ravel(of.settings[place])]
    values = [[trials_by_seed[seed].value for trials_by_seed in trials if seed in trials_by_seed] for seed in trials[0]]
    present = [[value for value in row if value is not None] for row in values]
    return np.array([fmean(row) for row in present if len(row) == len(trials)])


def _sorted(levels: list[str]) -> list[str]:
    """Return the levels in ascending order if all of them are numbers, else in their given order."""
    try:
        return sorted(levels, key=float)
    except ValueError:
        return levels
