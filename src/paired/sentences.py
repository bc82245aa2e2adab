"""An answer in words and figures: the lines that every output shares."""

from collections.abc import Iterable, Iterator

from paired.data_types import (
    ALPHA,
    AT_LEVEL,
    AVERAGE,
    BETTER,
    CANNOT_TELL,
    INTERACTION,
    LEVEL,
    NO_DIFFERENCE,
    VERDICTS,
    WORSE,
    Answer,
    Contrast,
    Summary,
)
from paired.numbers import decimals, number_of, p_shown, percent, shown, span
from paired.seeds_needed import POWER

STATISTIC = "Student's t, two-sided, paired by seed"
PERCENT = f"{LEVEL:.0%}".replace("%", " %")
HEAD = ("setting", "n", "mean", "sd", f"{PERCENT} interval")
COMPARED = (*HEAD, "difference", f"{PERCENT} interval of the difference", "adjusted p", "verdict")
EFFECTS = ("over all other params", "first - second", "interval that decides", "adjusted p", "level", "verdict")
BASELINE = "baseline"
NAMED = 3  # settings of a verdict; of more their number is said
MOST = 12  # effects that a sentence names; of more their number is said
SHARED = (
    "Half of the level is for averages over the other params, a quarter for interactions (a param that does another "
    "thing at another level of a second one), a quarter for single settings against the baseline. What is found leaves "
    "its share to the rest; an interaction leaves it to the effects at the levels that it names (Goeman and Solari's "
    "sequential rejection, Shaffer's restriction). An adjusted p counts all of that; it decides."
)
FEWER_SEEDS = (
    "An average takes all settings, so it needs fewer seeds than a single setting does: it may be sure where no single "
    "setting is."
)

Words = tuple[str, list[str]]  # a title, and what is said below it, line by line


def title(answer: Answer) -> str:
    """Return what is compared, and with what."""
    return f"{answer.measure}: {answer.better} is better. Baseline: {answer.baseline}"


def name(each: Contrast, word: str = "against") -> str:
    """Return a setting's name; or `eta=0.05 against 0.1`, and where."""
    at = f" at {each.other}={each.at[0]}" if each.kind == AT_LEVEL else ""
    return each.setting or f"{each.factor}={each.level} {word} {each.reference}{at}"


def amount(each: Contrast, answer: Answer) -> str:
    """Return in brackets how many times as much the first side was given; nothing if that is equal, or not known."""
    times = f" (with {each.amount:.3g} times as much {answer.amount})"
    return times if answer.amount and round(each.amount, 6) != 1.0 else ""


def verdict(each: Contrast) -> str:
    """Return the verdict; without one the factors on which it depends, or how many more seeds would tell."""
    if each.turned_by:
        return f"depends on {listed(each.turned_by)}"
    if each.verdict != CANNOT_TELL or each.more_seeds is None:
        return each.verdict
    least, most = each.more_seeds
    many = "at least " * (most is None) + f"about {least}" + f" to {most}" * (most not in {None, least})
    return f"{CANNOT_TELL}, {many} more seed{'' if many.endswith('about 1') else 's'}"


def listed(names: Iterable[str]) -> str:
    """Return `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def told(answer: Answer) -> str:
    """Return what is better, what is worse, and of how many that cannot be said: the answer in a line."""
    return " ".join(told_by_line(answer)) if answer.effects else "; ".join(_settings_told(answer))


def told_by_line(answer: Answer) -> list[str]:
    """Return the same, what has one verdict in a line of its own."""
    settings = _settings_told(answer)
    if answer.effects:
        return [*effect_lines(answer), f"Single settings against the baseline: {'; '.join(settings)}"]
    return [f"{line[0].upper()}{line[1:]}" for line in settings]


def _settings_told(answer: Answer) -> list[str]:
    """Return of each verdict the settings that have it; of many their number."""
    return [
        f"{said}: {', '.join(names) if len(names) <= NAMED else f'{len(names)} settings'}"
        for said, names in by_verdict(answer, answer.comparisons).items()
    ]


def by_verdict(answer: Answer, contrasts: Iterable[Contrast]) -> dict[str, list[str]]:
    """Return the names of the contrasts that have each verdict, if any has."""
    names: dict[str, list[str]] = {said: [] for said in VERDICTS}
    for each in contrasts:
        names[each.verdict].append(
            name(each, "than" if each.verdict in {BETTER, WORSE} else "against") + amount(each, answer)
        )
    return {said: own for said, own in names.items() if own}


def effects_by_verdict(answer: Answer) -> dict[str, list[str]]:
    """Return the same of effects: where one is not the same at all levels, those at its levels."""
    said = list[Contrast]()
    for average in averages(answer):
        levels = at_levels(answer, average)
        said += [average] if {each.verdict for each in levels} <= {average.verdict} else levels
    return by_verdict(answer, said)


def effect_lines(answer: Answer) -> list[str]:
    """Return a line for each verdict; nothing where no factor was tested."""
    return [
        f"{said.capitalize()}: {'; '.join(names[:MOST])}{f'; and {len(names) - MOST} more' * (len(names) > MOST)}."
        for said, names in effects_by_verdict(answer).items()
    ]


def averages(answer: Answer) -> list[Contrast]:
    """Return the averages."""
    return [each for each in answer.effects if each.kind == AVERAGE]


def at_levels(answer: Answer, average: Contrast) -> list[Contrast]:
    """Return the same effect at the levels of factors that it depends on."""
    return [each for each in answer.effects if each.kind == AT_LEVEL and each.of == average.of]


def shown_effects(answer: Answer) -> list[Contrast]:
    """Return each average, and after it the effects at the levels of factors that it depends on."""
    return [each for average in averages(answer) for each in (average, *at_levels(answer, average))]


def of_change(answer: Answer, before: dict[str, str], after: dict[str, str]) -> Contrast | None:
    """Return what the one factor does that changed: over all others, or at the level of the one on which it depends.

    None where several changed, where it depends on several, or where no factor was tested.
    """
    changed = [name for name in after if before.get(name) != after[name]]
    if len(changed) != 1 or before.keys() != after.keys():
        return None
    asked = changed[0], after[changed[0]], before[changed[0]]
    for average in (each for each in averages(answer) if each.of == asked):
        levels = at_levels(answer, average)
        if len({each.other for each in levels}) > 1 or (average.turned_by and not levels):
            return None
        return next((each for each in levels if after[each.other] == each.at[0]), average)
    return None


def method(answer: Answer) -> str:
    """Return in a line how it was decided."""
    looks = f"; looks at {_looks(answer)} seeds" if len(answer.looks) > 1 else ""
    smallest = answer.smallest_difference
    least = "" if smallest is None else f"; less than {smallest:g} does not matter"
    return f"Decided by {STATISTIC}, at a level of {ALPHA}{_together(answer)}{looks}{least}."


def _together(answer: Answer) -> str:
    """Return what the level is for, where there is more than one thing."""
    if answer.effects:
        return ", all effects, settings and looks together"
    return ", all settings and looks together" if len(answer.looks) > 1 or len(answer.comparisons) > 1 else ""


def _looks(answer: Answer) -> str:
    return listed(map(str, answer.looks))


def rows(answer: Answer) -> list[tuple[str, ...]]:
    """Return a row for each setting, under HEAD, all with as many decimals."""
    means = [each.mean for each in answer.summaries if each.mean is not None]
    places = decimals(means, (each.sd for each in answer.summaries if each.sd is not None))
    return [
        (each.setting, f"{each.n}", shown(each.mean, places), shown(each.sd, places), span(each.interval, places))
        for each in answer.summaries
    ]


def places_of(contrasts: Iterable[Contrast], *, tested: bool = False) -> int:
    """Return how many decimals the differences and their intervals have: those at LEVEL, or those that were tested."""
    known = [(x.mean_difference or 0.0, (x.tested_interval if tested else None) or x.interval) for x in contrasts]
    return decimals([size for size, _ in known], [(x[1] - x[0]) / 2 for _, x in known if x])


def table(answer: Answer) -> Iterator[tuple[str, ...]]:
    """Yield a row for each setting, under COMPARED: what it came to, and its difference to the baseline."""
    places = places_of(answer.comparisons)
    beside = {
        each.setting: (
            shown(each.mean_difference, places), span(each.interval, places), p_shown(each.adjusted_p), verdict(each),
        )
        for each in answer.comparisons
    }  # fmt: skip
    for row in rows(answer):
        yield *row, *beside.get(row[0], ("", "", "", BASELINE))


def effect_rows(answer: Answer) -> Iterator[tuple[str, ...]]:
    """Yield a row for each effect, under EFFECTS."""
    places = places_of((each for each in answer.effects if each.kind != INTERACTION), tested=True)
    for each in shown_effects(answer):
        level = percent(each.tested_level) if each.tested_interval else "-"
        numbers = shown(each.mean_difference, places), span(each.tested_interval, places), p_shown(each.adjusted_p)
        yield (name(each) + amount(each, answer) * (each.kind == AVERAGE), *numbers, level, verdict(each))


def comparisons(answer: Answer, *, open_too: bool = True) -> Iterator[Words]:
    """Yield of each setting but the baseline its name and verdict, and what was found.

    The first lines are those that decide. Settings without a verdict are left out where they are not asked for.
    """
    by_name = {each.setting: each for each in answer.summaries}
    for each in answer.comparisons:
        if each.verdict != CANNOT_TELL or open_too:
            sides = by_name[each.setting], by_name[answer.baseline]
            lines = [*difference(each, answer), *_time(each, answer.target, *sides), *explosions(each, *sides)]
            yield f"{each.setting}: {verdict(each)}", [*lines, *(f"warning: {warning}" for warning in each.warnings)]


def difference(each: Contrast, answer: Answer) -> Iterator[str]:
    """Yield the lines that decide about a contrast: the difference, the interval that was tested, p."""
    if each.mean_difference is None:
        yield "no seed has a value on both sides"
        return
    places = places_of([each])
    side = " (lower)" if each.mean_difference < 0 else " (higher)" if each.mean_difference > 0 else ""
    interval = f", {PERCENT} interval {span(each.interval, places)}" if each.interval else ""
    size = f"{shown(each.mean_difference, places)}{side}{amount(each, answer)}"
    yield f"difference {size}{interval}, {number_of(each.n, 'seed')}"
    if each.tested_interval is not None and round(each.tested_level, 6) != LEVEL:
        yield f"tested at {percent(each.tested_level)}: interval {span(each.tested_interval, places)}"
    if each.p is not None:
        adjusted = each.adjusted_p not in {None, each.p}
        yield f"p {p_shown(each.p)}" + f"; all that is tested counted, {p_shown(each.adjusted_p)}" * adjusted
    if each.later:
        later = f"{shown(each.later.mean_difference, places)}, {PERCENT} interval {span(each.later.interval, places)}"
        yield f"of all {each.later.n} seeds, after the verdict: difference {later}; it decides nothing"


def _time(each: Contrast, target: str, setting: Summary, baseline: Summary) -> Iterator[str]:
    if target:
        counts = f"{setting.reached} of {setting.trials}, baseline {baseline.reached} of {baseline.trials}"
        yield f"{target}: reached by {counts}"
    if setting.reached + baseline.reached and setting.mean_time is not None and baseline.mean_time is not None:
        interval = f"; {PERCENT} interval of the difference {span(each.time_interval, 0)}" if each.time_interval else ""
        yield f"after {setting.mean_time:,.0f} updates, baseline {baseline.mean_time:,.0f}{interval}"


def explosions(each: Contrast, setting: Summary, baseline: Summary) -> Iterator[str]:
    """Yield how many of both sides exploded, if any has."""
    if setting.exploded or baseline.exploded:
        p = "" if each.exploded_p is None else f"; Boschloo's p {p_shown(each.exploded_p)}"
        counts = f"{setting.exploded} of {setting.trials}, baseline {baseline.exploded} of {baseline.trials}"
        yield f"exploded: {counts}{p}"


def remarks(answer: Answer) -> Iterator[str]:
    """Yield what a reader has to know beside the rows: what came later, what was lost, what no seeds can part."""
    if any(each.verdict == CANNOT_TELL for each in answer.comparisons) and answer.effects:
        yield FEWER_SEEDS
    for each in (each for each in answer.effects if each.kind != INTERACTION):
        if each.later and each.verdict != CANNOT_TELL:
            mean = shown(each.later.mean_difference, decimals([each.later.mean_difference], []))
            yield (
                f"{name(each)}: told at {number_of(each.n, 'seed')}. Of all {each.later.n} the mean difference is "
                f"{mean}, which decides nothing."
            )
        yield from (f"{name(each)}: {warning}." for warning in each.warnings)
    yield from parted(answer)


def parted(answer: Answer) -> Iterator[str]:
    """Yield of factors that always change together that nothing here parts them, and which settings would."""
    for group in answer.inseparable:
        levels = "; ".join(f"{each} {', '.join(levels)}" for each, levels in group.items())
        yield (
            f"{listed(group)} always change together: no number of seeds says which of them did it. Settings with each "
            f"level of one and each of the other would: {levels}."
        )


def notes(answer: Answer) -> list[str]:
    """Return how it was decided, for who reads it for the first time."""
    looks, many, smallest = len(answer.looks), len(answer.comparisons), answer.smallest_difference
    lines = [
        f"Statistic: {STATISTIC}. A difference is a seed's value minus the baseline's with that seed. A p is how "
        "likely chance alone is to make a mean difference as large as this one.",
        f"Level: {ALPHA}: without any difference, at most {100 * ALPHA:g} of 100 answers claim one{_together(answer)}.",
        f"Looks: at {_looks(answer)} seeds, as declared; a p counts {looks} times."
        if looks > 1
        else f"Looks: none declared, so the first answer{''.join(f', at {n} seeds,' for n in answer.looks)} is the "
        "only one. Who looks again after more seeds, until a verdict falls, finds differences where there are none; "
        "looks that are declared do not.",
    ]
    if answer.effects:
        lines.append(SHARED)
    elif many > 1:
        lines.append(
            f"{many} settings have {many} chances of a false alarm: of their p, the smallest counts {many} times, the "
            f"next {many - 1} times, and so on (Holm). That is the adjusted p; it decides."
        )
    if any(each.more_seeds for each in answer.comparisons):
        here = (
            f"Up to {answer.looks[-1]} seeds, the last look, they belong to this study. Beyond it they"
            if looks
            else "A test after more seeds here would be a look that nobody declared. So they"
        )
        lines.append(
            f"More seeds: how many would tell, with probability {POWER:g}. {here} are for a new study, with seeds that "
            "are not used here; where it may stop early, it declares its looks before it starts."
        )
    matters = f"not declared, so `{NO_DIFFERENCE}` is the answer only where every difference is 0."
    if smallest is not None:
        matters = f"{smallest:g}: an interval inside -{smallest:g} to {smallest:g} has none."
    lines.append(f"Smallest difference that matters: {matters}")
    if any(each.reached and each.mean_time is not None for each in answer.summaries):
        lines.append("Updates to the target: means, where a trial that did not reach it counts with all its updates.")
    if any(each.exploded for each in answer.summaries):
        lines.append(f"Exploded: {answer.exploded}. Boschloo's p is of an exact test of the two numbers of explosions.")
    return lines
