"""The sentences that describe an Analysis in all formats. tables.py has the tables; data_types.py defines the terms."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from seedpairs.data_types import ALPHA, AT_LEVEL, CANNOT_TELL, LEVEL, NO_DIFFERENCE, VERDICTS, Analysis, Contrast
from seedpairs.effects import at_levels, averages, shown_effects
from seedpairs.numbers import decimals, p_shown, percent, shown, span
from seedpairs.seeds_needed import POWER, UNKNOWN
from seedpairs.words import number_of

STATISTIC = "Student's t, two-sided, paired by seed"
PERCENT = percent(LEVEL)
NAMED = 3  # settings of one verdict that are named; more are counted
MANY = 12  # effects of one verdict that are named; more are counted
SHARED = (
    "Half of the level is for averages over the other params, a quarter for interactions (a param has another effect "
    "at another level of a second param), a quarter for single settings against the baseline. A test that succeeds "
    "passes its share on to the remaining tests; an interaction passes it on to the effects at its levels (Goeman and "
    "Solari's sequential rejection, Shaffer's restriction). The adjusted p includes all of this; it decides."
)
FEWER_SEEDS = (
    "An average uses all settings, so it needs fewer seeds than a single setting does: it may have a verdict when no "
    "single setting has one."
)
MORE_SEEDS = (
    f"More seeds: the number that gives a verdict with probability {POWER:g}. Seeds up to the last declared look "
    "belong to this study. All others are for a new study, with seeds that are not used here."
)


def title(analysis: Analysis) -> str:
    """Return a line with the measure, the better direction, and the baseline."""
    return f"{analysis.measure}: {analysis.better} is better. Baseline: {analysis.baseline}"


def name(contrast: Contrast) -> str:
    """Return a setting's name, or an effect's name: `eta=0.05 against 0.1` or `eta=0.05 against 0.1 at m=100`."""
    at = f" at {contrast.other}={contrast.at[0]}" if contrast.kind == AT_LEVEL else ""
    return contrast.setting or f"{contrast.factor}={contrast.level} against {contrast.reference}{at}"


def amount(contrast: Contrast, analysis: Analysis) -> str:
    """Return ` (with 2 times as much text)`, the ratio of the two sides' amounts; "" if the ratio is 1 or unknown."""
    times = f" (with {contrast.amount:.3g} times as much {analysis.amount})"
    return times if analysis.amount and round(contrast.amount, 6) != 1.0 else ""


def short_verdict(contrast: Contrast) -> str:
    """Return the verdict. If other factors reverse the effect, return `depends on` and their names instead."""
    return f"depends on {listed(contrast.turned_by)}" if contrast.turned_by else contrast.verdict


def verdict(contrast: Contrast) -> str:
    """Return the short verdict. For CANNOT_TELL, add how many more seeds it needs, or why it was not tested."""
    if contrast.untested:
        level = f"{contrast.other}={contrast.at[0]}"
        return f"{CANNOT_TELL}: not tested, as no interaction of {contrast.factor} with {level} is sure"
    if contrast.more_seeds is None:
        return short_verdict(contrast)
    if contrast.more_seeds == UNKNOWN:
        return f"{CANNOT_TELL}, an unknown number of more seeds"
    least, most = contrast.more_seeds
    many = "at least " * (most is None) + f"about {least}" + f" to {most}" * (most not in {None, least})
    return f"{CANNOT_TELL}, {many} more seed{'' if many.endswith('about 1') else 's'}"


def listed(names: Iterable[str]) -> str:
    """Return the names, at least one, as `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def told(analysis: Analysis) -> str:
    """Return the answer in one line: each verdict, with the settings or effects that have this verdict."""
    return " ".join(lines_by_verdict(analysis)) if analysis.effects else "; ".join(_settings_by_verdict(analysis))


def lines_by_verdict(analysis: Analysis) -> list[str]:
    """Return the answer with a line for each verdict. If factors were tested, single settings are in the last line."""
    settings = _settings_by_verdict(analysis)
    if analysis.effects:
        return [*effect_lines(analysis), f"Single settings against the baseline: {'; '.join(settings)}"]
    return [f"{line[0].upper()}{line[1:]}" for line in settings]


def _settings_by_verdict(analysis: Analysis) -> list[str]:
    """Return `verdict: settings` for each verdict that occurs. More than NAMED settings are counted, not named."""
    return [
        f"{word}: {', '.join(names) if len(names) <= NAMED else f'{len(names)} settings'}"
        for word, names in by_verdict(analysis, analysis.comparisons).items()
    ]


def by_verdict(analysis: Analysis, contrasts: Sequence[Contrast]) -> dict[str, list[str]]:
    """Return the names of the contrasts by verdict. A verdict that does not occur is left out."""
    names = {word: [name(x) + amount(x, analysis) for x in contrasts if x.verdict == word] for word in VERDICTS}
    return {word: names_of_verdict for word, names_of_verdict in names.items() if names_of_verdict}


def effects_by_verdict(analysis: Analysis) -> dict[str, list[str]]:
    """Return the names of the averages by verdict. A verdict that does not occur is left out.

    If the effects of an average at the levels of other factors have another verdict, these effects are named instead of
    the average. Interactions are not named.
    """
    reported = list[Contrast]()
    for average in averages(analysis):
        levels = at_levels(analysis, average)
        reported += [average] if {effect.verdict for effect in levels} <= {average.verdict} else levels
    return by_verdict(analysis, reported)


def effect_lines(analysis: Analysis) -> list[str]:
    """Return a line for each verdict, with at most MANY effects that have it; no lines if no factor was tested."""
    return [
        f"{word.capitalize()}: {'; '.join(names[:MANY])}{f'; and {len(names) - MANY} more' * (len(names) > MANY)}."
        for word, names in effects_by_verdict(analysis).items()
    ]


def method(analysis: Analysis) -> str:
    """Return a sentence about the test: statistic, level, looks and smallest difference."""
    looks = f"; looks at {listed(map(str, analysis.looks))} seeds" if len(analysis.looks) > 1 else ""
    smallest = analysis.smallest_difference
    least = "" if smallest is None else f"; differences below {smallest:g} do not matter"
    return f"Decided by {STATISTIC}, at a level of {ALPHA}{_together(analysis)}{looks}{least}."


def _together(analysis: Analysis) -> str:
    """Return `, all … together` if several tests share the level, otherwise ""."""
    if analysis.effects:
        return ", all effects, settings and looks together"
    return ", all settings and looks together" if len(analysis.looks) > 1 or len(analysis.comparisons) > 1 else ""


def places_of(contrasts: Iterable[Contrast], *, tested: bool = False) -> int:
    """Return the number of decimals for the differences and their intervals.

    tested  use the interval at the tested level, if there is one; otherwise the interval at LEVEL

    No end of these intervals, or of the intervals at the tested level, is rounded to 0: see numbers.decimals.
    """
    contrasts = list(contrasts)
    intervals = [interval for x in contrasts if (interval := (x.tested_interval if tested else None) or x.interval)]
    ends = chain(*intervals, *(x.tested_interval or () for x in contrasts))
    return decimals([x.mean_difference for x in contrasts], [(high - low) / 2 for low, high in intervals], ends)


def open_effects(analysis: Analysis) -> Iterator[str]:
    """Yield a line for each effect of shown_effects that was not tested, or that needs more seeds for a verdict.

    A line has the reason or the number of seeds. Interactions, and averages that other factors reverse, have no line.
    At most MANY effects have a line; one more line counts the other effects.
    """
    lines = [f"{name(x)}: {verdict(x)}" for x in shown_effects(analysis) if x.untested or x.more_seeds]
    yield from lines[:MANY]
    if len(lines) > MANY:
        yield f"{len(lines) - MANY} more effects: {CANNOT_TELL}"


def comparisons(analysis: Analysis, *, open_too: bool = True) -> Iterator[tuple[str, list[str]]]:
    """Yield a title and the lines below it for each setting except the baseline.

    The title is the setting's name and verdict. The lines are about the test, the number of updates to the target, the
    explosions, and the warnings. Settings with the verdict CANNOT_TELL are skipped unless `open_too`.
    """
    for x in analysis.comparisons:
        if x.verdict != CANNOT_TELL or open_too:
            lines = [
                *difference_lines(x, analysis),
                *_counts(x, analysis),
                *(f"warning: {warning}" for warning in x.warnings),
            ]
            yield f"{x.setting}: {verdict(x)}", lines


def difference_lines(contrast: Contrast, analysis: Analysis) -> Iterator[str]:
    """Yield the lines about a contrast's test, or one line if no seed has a value on both sides.

    Lines: the difference with its interval at LEVEL; the interval at the tested level, if this level is not LEVEL;
    p and the adjusted p; the number of parts of the test data that have the same sign.
    """
    if contrast.mean_difference is None:
        yield "no seed has a value on both sides"
        return
    places = places_of(analysis.comparisons if contrast.setting else [contrast])
    number = shown(contrast.mean_difference, places)
    sign = "lower" if contrast.mean_difference < 0 else "higher"
    interval = f", {PERCENT} interval {span(contrast.interval, places)}" if contrast.interval else ""
    size = f"{number}{f' ({sign})' * bool(number.strip('0.'))}{amount(contrast, analysis)}"
    yield f"difference {size}{interval}, {number_of(contrast.n, 'seed')}"
    if contrast.tested_interval is not None and round(contrast.tested_level, 6) != LEVEL:
        yield f"tested at {percent(contrast.tested_level)}: interval {span(contrast.tested_interval, places)}"
    if contrast.p is not None:
        adjusted = contrast.adjusted_p not in {None, contrast.p}
        yield f"p {p_shown(contrast.p)}" + f"; corrected for all tests, {p_shown(contrast.adjusted_p)}" * adjusted
    if contrast.parts:
        part, count = contrast.parts
        yield f"{sign} in {part} of {count} {analysis.part}; only the seeds decide"


def _counts(contrast: Contrast, analysis: Analysis) -> Iterator[str]:
    """Yield lines about the setting and the baseline: how many trials reached the target, when, how many exploded."""
    by_name = {x.setting: x for x in analysis.summaries}
    row, base = by_name[contrast.setting], by_name[analysis.baseline]
    if analysis.has_times:
        yield f"{analysis.target}: reached by {row.reached} of {row.trials}, baseline {base.reached} of {base.trials}"
        if row.reached + base.reached and row.mean_time is not None and base.mean_time is not None:
            of = contrast.time_interval
            interval = f"; {PERCENT} interval of the difference {span(of, 0)}" if of else ""
            yield f"after {row.mean_time:,.0f} updates, baseline {base.mean_time:,.0f}{interval}"
    if row.exploded or base.exploded:
        yield f"exploded: {row.exploded} of {row.trials}, baseline {base.exploded} of {base.trials}"


def remarks(analysis: Analysis) -> Iterator[str]:
    """Yield the remarks below an answer: FEWER_SEEDS, and the effects' warnings.

    FEWER_SEEDS says that an average needs fewer seeds than a setting. It is for an answer with effects that cannot tell
    about a setting.
    """
    if any(contrast.verdict == CANNOT_TELL for contrast in analysis.comparisons) and analysis.effects:
        yield FEWER_SEEDS
    for contrast in shown_effects(analysis):
        yield from (f"{name(contrast)}: {warning}." for warning in contrast.warnings)


def label_lines(analysis: Analysis) -> list[str]:
    """Return a line for each setting that the user named, with its params: `Adam is eta=0.001 optimizer=adam`."""
    return [f"{name} is {setting}" for setting, name in analysis.names.items()]


def parted(analysis: Analysis) -> Iterator[str]:
    """Yield a line for each group of factors that always change together, with settings that would separate them."""
    for group in analysis.inseparable:
        levels = "; ".join(f"{factor} {', '.join(levels)}" for factor, levels in group.items())
        yield (
            f"{listed(group)} always change together: no number of seeds shows which of them has the effect. Settings "
            f"with each level of one and each level of the other would: {levels}."
        )


def notes(analysis: Analysis) -> list[str]:
    """Return lines that explain how the answer was decided, for first-time readers (`--explain`)."""
    looks, smallest = len(analysis.looks), analysis.smallest_difference
    lines = [
        f"Statistic: {STATISTIC}. A difference is a seed's value minus the baseline's with that seed. A p is the "
        "probability that chance alone makes a mean difference at least as large.",
        f"Level: {ALPHA}: without any difference, at most {100 * ALPHA:g} of 100 answers claim one"
        f"{_together(analysis)}.",
        f"Looks: at {listed(map(str, analysis.looks))} seeds, as declared; each p is multiplied by {looks}."
        if looks > 1
        else "Looks: none declared, so the first answer is the only one. If you test again after more seeds until a "
        "verdict falls, more than 5 of 100 answers claim a difference that does not exist.",
    ]
    if analysis.effects:
        lines.append(SHARED)
    elif (many := len(analysis.comparisons)) > 1:
        lines.append(
            f"{many} settings have {many} chances of a false alarm, so the smallest of their p is multiplied by "
            f"{many}, the next by {many - 1}, and so on (Holm). The adjusted p includes this; it decides."
        )
    if any(contrast.more_seeds for contrast in [*analysis.comparisons, *analysis.effects]):
        lines.append(MORE_SEEDS)
    matters = f"not declared, so `{NO_DIFFERENCE}` is the answer only if every difference is 0."
    if smallest is not None:
        matters = f"{smallest:g}: `{NO_DIFFERENCE}` means an interval inside −{smallest:g} to {smallest:g}."
    lines.append(f"Smallest difference that matters: {matters}")
    if analysis.has_times:
        lines.append("Updates to the target: means; a trial that did not reach the target counts with all its updates.")
    if any(summary.exploded for summary in analysis.summaries):
        lines.append(f"Exploded: {analysis.exploded}.")
    return lines
