"""What factors do, in words and figures: the lines that every output shares."""

from collections.abc import Iterable, Iterator

from paired.cautions import count
from paired.data_types import AT_LEVEL, AVERAGE, BETTER, CANNOT_TELL, INTERACTION, VERDICTS, WORSE, Answer, Effect
from paired.numbers import decimals, p_shown, percent, shown, span

HEAD = ("over all other params", "first - second", "interval that decides", "adjusted p", "level", "verdict")
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


def name(each: Effect, word: str = "against") -> str:
    """Return `eta=0.05 against 0.1`, and where."""
    at = f" at {each.other}={each.at[0]}" if each.kind == AT_LEVEL else ""
    return f"{each.factor}={each.level} {word} {each.reference}{at}"


def verdict(each: Effect) -> str:
    """Return it; of an average that has none since others turn it, these."""
    return f"depends on {listed(each.turned_by)}" if each.turned_by else each.verdict


def amount(times: float, of: str) -> str:
    """Return in brackets how many times as much the first side was given; nothing where that is equal, or not known."""
    return f" (with {times:.3g} times as much {of})" if of and round(times, 6) != 1.0 else ""


def at_levels(answer: Answer, average: Effect) -> list[Effect]:
    """Return the same effect at the levels of factors that it depends on."""
    return [
        each for each in answer.effects
        if each.kind == AT_LEVEL
        and (each.factor, each.level, each.reference) == (average.factor, average.level, average.reference)
    ]  # fmt: skip


def averages(answer: Answer) -> list[Effect]:
    """Return the averages."""
    return [each for each in answer.effects if each.kind == AVERAGE]


def told(answer: Answer) -> dict[str, list[str]]:
    """Return by verdict the effects that have it: where one is not the same at all levels, those at its levels."""
    said: dict[str, list[str]] = {each: [] for each in VERDICTS}
    for average in averages(answer):
        levels = at_levels(answer, average)
        for each in [average] if {each.verdict for each in levels} <= {average.verdict} else levels:
            word = "than" if each.verdict in {BETTER, WORSE} else "against"
            said[each.verdict].append(f"{name(each, word)}{amount(each.amount, answer.amount)}")
    return said


def lines(answer: Answer) -> list[str]:
    """Return them, a line for each verdict; nothing where no factor was tested."""
    found = told(answer).items() if answer.effects else ()
    more = {said: f"; and {len(names) - MOST} more" * (len(names) > MOST) for said, names in found}
    return [f"{said.capitalize()}: {'; '.join(names[:MOST])}{more[said]}." for said, names in found if names]


def rows(answer: Answer) -> Iterator[tuple[str, ...]]:
    """Yield a row for each average, under HEAD, and below it one for each level of a factor that it depends on."""
    every = [each for each in answer.effects if each.kind != INTERACTION]
    intervals = [each.tested_interval or each.interval for each in every]
    sizes = [each.mean_difference for each in every if each.mean_difference is not None]
    places = decimals(sizes, [(x[1] - x[0]) / 2 for x in intervals if x])
    for average in averages(answer):
        yield (f"{name(average)}{amount(average.amount, answer.amount)}", *_numbers(average, places))
        for each in at_levels(answer, average):
            yield (name(each), *_numbers(each, places))


def _numbers(each: Effect, places: int) -> tuple[str, ...]:
    level = f"{percent(each.tested_level)}" if each.tested_interval else "-"
    interval = span(each.tested_interval, places)
    return shown(each.mean_difference, places), interval, p_shown(each.adjusted_p), level, verdict(each)


def numbers(each: Effect, of: str) -> str:
    """Return the difference and the interval that decided, in a line."""
    interval = each.tested_interval
    places = decimals([each.mean_difference or 0.0], [(interval[1] - interval[0]) / 2] if interval else [])
    tested = f", interval at {percent(each.tested_level)} {span(interval, places)}" if interval else ""
    return f"difference {shown(each.mean_difference, places)}{amount(each.amount, of)}{tested}, {count(each.n, 'seed')}"


def of_change(answer: Answer, before: dict[str, str], after: dict[str, str]) -> Effect | None:
    """Return what the one factor does that changed: over all others, or at the level of the one on which it depends.

    None where several changed, where it depends on several, or where no factor was tested.
    """
    changed = [name for name in after if before.get(name) != after[name]]
    if len(changed) != 1 or before.keys() != after.keys():
        return None
    asked = changed[0], after[changed[0]], before[changed[0]]
    for average in averages(answer):
        if (average.factor, average.level, average.reference) == asked:
            levels = at_levels(answer, average)
            if len({each.other for each in levels}) > 1 or (average.turned_by and not levels):
                return None
            return next((each for each in levels if after[each.other] == each.at[0]), average)
    return None


def remarks(answer: Answer) -> Iterator[str]:
    """Yield what a reader has to know beside the rows: what came later, what was lost, what no seeds can part."""
    if any(each.verdict == CANNOT_TELL for each in answer.comparisons) and answer.effects:
        yield FEWER_SEEDS
    for each in (each for each in answer.effects if each.kind != INTERACTION):
        if each.later and each.verdict != CANNOT_TELL:
            places = decimals([each.later.mean_difference], [])
            yield (
                f"{name(each)}: told at {count(each.n, 'seed')}. Of all {each.later.n} the mean difference is "
                f"{shown(each.later.mean_difference, places)}, which decides nothing."
            )
        yield from (f"{name(each)}: {warning}." for warning in each.warnings)
    yield from parted(answer)


def listed(names: Iterable[str]) -> str:
    """Return `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def parted(answer: Answer) -> Iterator[str]:
    """Yield of factors that always change together that nothing here parts them, and which settings would."""
    for group in answer.inseparable:
        levels = "; ".join(f"{each} {', '.join(levels)}" for each, levels in group.items())
        yield (
            f"{listed(group)} always change together: no number of seeds says which of them did it. Settings with each "
            f"level of one and each of the other would: {levels}."
        )
