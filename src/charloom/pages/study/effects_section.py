"""What each factor does: all effects in rows; and where two factors turn each other, the one over the other."""

from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from charloom.pages.pictures import BLUE, GREEN, GREY, INK, PINK, VERMILION, drawing, known, pictured
from charloom.pages.sections import Picture, Section, Table
from charloom.pages.study.bands import LINES
from charloom.pages.study.compared import ABOUT, ROWS, Compared, verdict_second
from charloom.pages.study.differences import Line, differences
from paired import sentences as words
from paired.data_types import CANNOT_TELL, DEPENDS, Answer
from paired.factors import Design, design_of
from paired.numbers import decimals, shown
from paired.pairs import counted
from paired.statistics import moments

COLORS = (BLUE, VERMILION, GREEN, PINK)  # of the levels of a factor
MOST = 4  # pictures of two factors


def section(compared: Compared) -> Section | None:
    """Return the section; None where no factor was tested."""
    if not compared.answer.effects:
        return None
    turned = [each for each in compared.answer.effects if each.verdict == DEPENDS]
    pairs = list(dict.fromkeys((each.factor, each.other) for each in turned))[:MOST]
    of = design_of(compared.measured)
    crossed = [_crossed(compared, of, *pair) for pair in pairs] if of else []
    said = "No two params are sure to depend on each other."
    if pairs:
        said = f"What one does depends on the other: {'; '.join(f'{a} and {b}' for a, b in pairs)}. This is sure."
    return Section("effects", "What each factor does", said, [_in_rows(compared), *crossed])


def _in_rows(compared: Compared) -> Picture:
    """Return each effect with its seeds and its intervals."""
    answer, every = compared.answer, words.shown_effects(compared.answer)
    sure = [each for each in every if each.verdict != CANNOT_TELL]
    effects = every if len(every) <= ROWS else sure[:ROWS] or every[:ROWS]
    lines = [
        Line(
            f"{words.name(each)}{words.amount(each, answer)}: {words.verdict(each)}",
            GREY if each.verdict == CANNOT_TELL else INK, each, list(each.differences.values())[: each.n],
        )
        for each in effects
    ]  # fmt: skip
    end = " Each is over all params that it does not name."
    if len(effects) < len(every):
        end += f" Shown are {len(effects)} of {len(every)}: those that are sure, if any."
    bold = [line.setting for line in lines if line.color == INK]
    names = "effects-picture", "what each factor does", "first level minus second"
    return differences(compared, lines, names, ("A dot is a seed", end), effects_table(answer), bold)


def effects_table(answer: Answer) -> Table:
    """Return a row for each effect: an average over other params, or what holds at a level of one."""
    return verdict_second(("one value against another", *words.EFFECTS[1:]), words.effect_rows(answer))


def _crossed(compared: Compared, of: Design, factor: str, other: str) -> Picture:
    """Return the measure over the levels of the factor that has more, a line for each level of the other."""
    across, lines = sorted((factor, other), key=lambda name: -len(of.levels[name]))
    answer = compared.answer
    levels, shown_lines = (
        _sorted(of.levels[across]),
        _sorted(of.levels[lines][: len(COLORS)]),
    )  # the baseline's among them
    means = {line: [_of_level(compared, of, {across: level, lines: line}) for level in levels] for line in shown_lines}
    about = ABOUT.get(answer.measure, answer.measure)
    with drawing(2.6, 0.65) as (figure, (axes,)):
        figure.subplots_adjust(bottom=0.2)
        for at, (line, each) in enumerate(means.items()):
            color, place = COLORS[at], np.arange(len(levels)) + 0.04 * (at - (len(means) - 1) / 2)
            found = [(x, mean) for x, y in zip(place, each, strict=True) if (mean := moments(y).mean) is not None]
            label = known(f" {lines}={line}")  # matplotlib leaves out what begins with a `_`
            axes.plot([x for x, _ in found], [mean for _, mean in found], LINES[at], color=color, label=label)
            for x, values in zip(place, each, strict=True):
                axes.plot([x] * len(values), values, "o", ms=3, color=color, mec="none", alpha=0.6)
        axes.set_xticks(range(len(levels)), [known(level) for level in levels])
        axes.set_xlabel(known(across))
        axes.set_ylabel(known(about.rpartition(", in ")[2]))
        axes.set_xlim(-0.4, len(levels) - 0.6)
        axes.legend(loc="best")
    every = [moments(x) for each in means.values() for x in each]
    places = decimals([x.mean for x in every if x.mean is not None], [x.sd for x in every if x.sd])
    over = ", over all other params" if len(of.levels) > 2 else ""
    caption = (
        f"{about[0].upper()}{about[1:]}{over}. A dot is a seed, a line joins the means. Lines that are not parallel: "
        f"what {across} does depends on {lines}."
    )
    if len(means) < len(of.levels[lines]):
        caption += f" Shown are {len(means)} of {len(of.levels[lines])} levels of {lines}."
    table = Table(
        (across, *(f"{lines}={line}" for line in means)),
        [
            (level, *(shown(moments(each[at]).mean, places) for each in means.values()))
            for at, level in enumerate(levels)
        ],
    )
    name = f"crossed-{list(of.levels).index(across)}-{list(of.levels).index(lines)}"
    return pictured(figure, name, f"{across} at each level of {lines}", caption, table)


def _of_level(compared: Compared, of: Design, level: dict[str, str]) -> NDArray[np.float64]:
    """Return of each seed the mean over all settings that have these levels: of the seeds with a value in each."""
    place = tuple(each.index(level[name]) if name in level else slice(None) for name, each in of.levels.items())
    trials = [compared.measured.settings[name] for name in np.ravel(of.settings[place])]
    values = [[counted(each[seed]).value for each in trials if seed in each] for seed in trials[0]]
    there = [[value for value in row if value is not None] for row in values]
    return np.array([fmean(row) for row in there if len(row) == len(trials)])


def _sorted(levels: list[str]) -> list[str]:
    """Return them in the order of their numbers, where they are numbers."""
    try:
        return sorted(levels, key=float)
    except ValueError:
        return levels
