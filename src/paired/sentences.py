"""An answer in words and figures: the lines that every output shares."""

from collections.abc import Iterator

from paired import effect_sentences as effects
from paired.cautions import count
from paired.data_types import ALPHA, CANNOT_TELL, LEVEL, NO_DIFFERENCE, VERDICTS, Answer, Comparison, Summary
from paired.numbers import decimals, p_shown, percent, shown, span
from paired.seeds_needed import POWER
from paired.statistics import FLIPPED

STATISTIC = "Student's t, two-sided, paired by seed"
FLIPS = FLIPPED[0]  # pairs, below which no sign flips reach ALPHA
PERCENT = f"{LEVEL:.0%}".replace("%", " %")
HEAD = ("setting", "n", "mean", "sd", f"{PERCENT} interval")
COMPARED = (*HEAD, "difference", f"{PERCENT} interval of the difference", "adjusted p", "verdict")
BASELINE = "baseline"
NAMED = 3  # settings of a verdict; of more their number is said

UNDECIDING = (  # what stands beside the differences where somebody asks
    "Sign flips: another test, exact, for differences that are not normal. Without any effect each difference could as "
    "well have the other sign; p is the share of all choices of signs that give a mean as far from 0. It needs "
    f"{FLIPS} seeds or more, and decides nothing here.",
    "Unpaired (Welch): the interval of the difference of the two means where no seed is paired with its own, and the "
    "two spreads may differ. It decides nothing here.",
    "Correlation of the pairs: 1 where a seed that is high in one setting is as high in the other, 0 where it says "
    "nothing of the other, -1 where it is low there. Only above 0 do pairs make a comparison sharper.",
)

Words = tuple[str, list[str]]  # a title, and what is said below it, line by line


def title(answer: Answer) -> str:
    """Return what is compared, and with what."""
    return f"{answer.measure}: {answer.better} is better. Baseline: {answer.baseline}"


def told(answer: Answer) -> str:
    """Return what is better, what is worse, and of how many that cannot be said: the answer in a line."""
    return " ".join(told_by_line(answer)) if answer.effects else "; ".join(_by_verdict(answer))


def told_by_line(answer: Answer) -> list[str]:
    """Return the same, what has one verdict in a line of its own."""
    if answer.effects:
        single = f"Single settings against the baseline: {'; '.join(_by_verdict(answer))}"
        return [*effects.lines(answer), single]
    return [f"{each[0].upper()}{each[1:]}" for each in _by_verdict(answer)]


def _by_verdict(answer: Answer) -> list[str]:
    """Return of each verdict the settings that have it; of many their number."""
    named: dict[str, list[str]] = {said: [] for said in VERDICTS}
    for each in answer.comparisons:
        named[each.verdict].append(each.setting + effects.amount(each.amount, answer.amount))
    return [
        f"{said}: {', '.join(names) if len(names) <= NAMED else f'{len(names)} settings'}"
        for said, names in named.items()
        if names
    ]


def method(answer: Answer) -> str:
    """Return in a line how it was decided."""
    looks = f"; looks at {_looks(answer)} seeds" if len(answer.looks) > 1 else ""
    least = "" if answer.smallest_difference is None else f"; less than {answer.smallest_difference:g} does not matter"
    return f"Decided by {STATISTIC}, at a level of {ALPHA}{_together(answer)}{looks}{least}."


def _together(answer: Answer) -> str:
    """Return what the level is for, where there is more than one thing."""
    if answer.effects:
        return ", all effects, settings and looks together"
    return ", all settings and looks together" if len(answer.looks) > 1 or len(answer.comparisons) > 1 else ""


def _looks(answer: Answer) -> str:
    return " and ".join(filter(None, [", ".join(map(str, answer.looks[:-1])), str(answer.looks[-1])]))


def rows(answer: Answer) -> list[tuple[str, ...]]:
    """Return a row for each setting, under HEAD, all with as many decimals."""
    means = [each.mean for each in answer.summaries if each.mean is not None]
    places = decimals(means, (each.sd for each in answer.summaries if each.sd is not None))
    return [
        (each.setting, f"{each.n}", shown(each.mean, places), shown(each.sd, places), span(each.interval, places))
        for each in answer.summaries
    ]


def table(answer: Answer) -> Iterator[tuple[str, ...]]:
    """Yield a row for each setting, under COMPARED: what it came to, and its difference to the baseline."""
    sizes = [each.mean_difference for each in answer.comparisons if each.mean_difference is not None]
    places = decimals(sizes, ((x[1] - x[0]) / 2 for each in answer.comparisons if (x := each.interval)))
    beside = {
        each.setting: (
            shown(each.mean_difference, places), span(each.interval, places), p_shown(each.adjusted_p), verdict(each),
        )
        for each in answer.comparisons
    }  # fmt: skip
    for row in rows(answer):
        yield *row, *beside.get(row[0], ("", "", "", BASELINE))


def verdict(comparison: Comparison) -> str:
    """Return it, with how many more seeds would tell where it has not fallen."""
    if comparison.verdict != CANNOT_TELL or comparison.more_seeds is None:
        return comparison.verdict
    least, most = comparison.more_seeds
    many = "at least " * (most is None) + f"about {least}" + f" to {most}" * (most not in {None, least})
    return f"{CANNOT_TELL}, {many} more seed{'' if many.endswith('about 1') else 's'}"


def comparisons(answer: Answer, *, explain: bool = False, open_too: bool = True) -> Iterator[Words]:
    """Yield of each setting but the baseline its name and verdict, and what was found; if asked, what decides nothing.

    The first lines are those that decide: the difference, the interval that was tested, p. Settings without a verdict
    are left out where they are not asked for, too.
    """
    by_name = {each.setting: each for each in answer.summaries}
    for each in answer.comparisons:
        if each.verdict == CANNOT_TELL and not open_too:
            continue
        sides = by_name[each.setting], by_name[answer.baseline]
        lines = [*_difference(each, answer.amount), *(_undeciding(each) if explain else ())]
        lines += [*_time(each, answer.target, *sides), *explosions(each, *sides)]
        warnings = [f"warning: {warning}" for warning in each.warnings]
        yield f"{each.setting}: {verdict(each)}", [*lines, *warnings]


def _difference(each: Comparison, amount: str) -> Iterator[str]:
    if each.mean_difference is None:
        yield "no seed has a value on both sides"
        return
    places = places_of(each)
    side = " (lower)" if each.mean_difference < 0 else " (higher)" if each.mean_difference > 0 else ""
    interval = f", {PERCENT} interval {span(each.interval, places)}" if each.interval else ""
    more = effects.amount(each.amount, amount)
    yield f"difference {shown(each.mean_difference, places)}{side}{more}{interval}, {count(each.n, 'seed')}"
    if each.tested_interval is not None and round(each.tested_level, 6) != LEVEL:
        yield f"tested at {percent(each.tested_level)}: interval {span(each.tested_interval, places)}"
    if each.p is not None:
        adjusted = each.adjusted_p not in {None, each.p}
        yield f"p {p_shown(each.p)}" + f"; all that is tested counted, {p_shown(each.adjusted_p)}" * adjusted
    if each.later:
        later = f"{shown(each.later.mean_difference, places)}, {PERCENT} interval {span(each.later.interval, places)}"
        yield f"of all {each.later.n} seeds, after the verdict: difference {later}; it decides nothing"


def _undeciding(each: Comparison) -> Iterator[str]:
    if each.p is not None and each.n < FLIPS:
        yield f"sign flips: cannot reach {ALPHA} below {FLIPS} seeds"
    elif each.p is not None and each.sign_flip_p is not None:
        yield f"sign flips: p {p_shown(each.sign_flip_p)}"
    welch, r = each.welch_interval, each.correlation
    unpaired = f"unpaired (Welch): {PERCENT} interval {span(welch, places_of(each))}" if welch else ""
    related = "" if r is None else f"correlation of the pairs: {r:.2f}"
    if unpaired or related:
        yield "; ".join(filter(None, [unpaired, related]))


def _time(each: Comparison, target: str, setting: Summary, baseline: Summary) -> Iterator[str]:
    if target:
        counts = f"{setting.reached} of {setting.trials}, baseline {baseline.reached} of {baseline.trials}"
        yield f"{target}: reached by {counts}"
    if setting.reached + baseline.reached and setting.mean_time is not None and baseline.mean_time is not None:
        interval = f"; {PERCENT} interval of the difference {span(each.time_interval, 0)}" if each.time_interval else ""
        yield f"after {setting.mean_time:,.0f} updates, baseline {baseline.mean_time:,.0f}{interval}"


def explosions(each: Comparison, setting: Summary, baseline: Summary) -> Iterator[str]:
    """Yield how many of both sides exploded, if any has."""
    if setting.exploded or baseline.exploded:
        p = "" if each.exploded_p is None else f"; Boschloo's p {p_shown(each.exploded_p)}"
        counts = f"{setting.exploded} of {setting.trials}, baseline {baseline.exploded} of {baseline.trials}"
        yield f"exploded: {counts}{p}"


def notes(answer: Answer) -> list[str]:
    """Return how it was decided, for who reads it for the first time."""
    looks, many, smallest = len(answer.looks), len(answer.comparisons), answer.smallest_difference
    lines = [
        f"Statistic: {STATISTIC}. A difference is a seed's value minus the baseline's with that seed. A p is how "
        "likely chance alone is to make a mean difference as large as this one.",
        f"Level: {ALPHA}: without any difference, at most {100 * ALPHA:g} of 100 answers claim one{_together(answer)}.",
        f"Looks: at {_looks(answer)} seeds, as declared; a p counts {looks} times."
        if looks > 1
        else f"Looks: none declared, so this is the only one{''.join(f', at all {n} seeds' for n in answer.looks)}. "
        "Who looks again after more seeds, until a verdict falls, finds differences where there are none; looks that "
        "are declared do not.",
    ]
    if answer.effects:
        lines.append(effects.SHARED)
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
    if smallest is None:
        matters = f"not declared, so `{NO_DIFFERENCE}` is the answer only where every difference is 0."
    else:
        matters = f"{smallest:g}: an interval inside -{smallest:g} to {smallest:g} has none."
    lines += [f"Smallest difference that matters: {matters}", *UNDECIDING]
    if any(each.reached and each.mean_time is not None for each in answer.summaries):
        lines.append("Updates to the target: means, where a trial that did not reach it counts with all its updates.")
    if any(each.exploded for each in answer.summaries):
        lines.append(f"Exploded: {answer.exploded}. Boschloo's p is of an exact test of the two numbers of explosions.")
    return lines


def places_of(each: Comparison) -> int:
    """Return how many decimals a difference and all its intervals have."""
    width = each.interval[1] - each.interval[0] if each.interval else 0.0
    return decimals([each.mean_difference or 0.0], [width / 2])
