"""What factors do, in words and figures: the lines that every output shares."""

from collections.abc import Iterator

from paired.cautions import count
from paired.data_types import AT_LEVEL, AVERAGE, BETTER, CANNOT_TELL, INTERACTION, VERDICTS, WORSE, Answer, Effect
from paired.numbers import decimals, p_shown, shown, span

HEAD = ("over all other factors", "difference", "interval, as tested", "adjusted p", "tested at", "verdict")
SHARED = (
    "Half of the level is for these averages over the other factors, a quarter for interactions (a factor that does "
    "another thing at another level of a second one), a quarter for single settings beside the baseline. What is found "
    "leaves its share to the rest; an interaction leaves it to the effects at the levels that it names (Goeman and "
    "Solari's sequential rejection, Shaffer's restriction). An adjusted p counts all of that; it decides."
)


def name(each: Effect, word: str = "beside") -> str:
    """Return `eta=0.05 beside 0.1`, and where."""
    return f"{each.factor}={each.level} {word} {each.reference}{where(each)}"


def where(each: Effect) -> str:
    """Return ` at m=100` of an effect at a level; else nothing."""
    return f" at {each.other}={each.at[0]}" if each.kind == AT_LEVEL else ""


def verdict(each: Effect) -> str:
    """Return it; of an average that has none since others turn it, these."""
    return f"depends on {' and '.join(each.turned_by)}" if each.turned_by else each.verdict


def amount(times: float, of: str) -> str:
    """Return in brackets how many times as much one side was given; nothing where that is equal, or not known."""
    return f" ({times:.3g} × {of})" if of and round(times, 6) != 1.0 else ""


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
    """Return by verdict the effects that have it: of an average that depends on a factor, those at its levels."""
    said: dict[str, list[str]] = {each: [] for each in VERDICTS}
    for average in averages(answer):
        levels = at_levels(answer, average)
        for each in levels if average.turned_by else [average, *levels]:
            if each is average or average.turned_by or each.verdict not in {average.verdict, CANNOT_TELL}:
                word = "than" if each.verdict in {BETTER, WORSE} else "beside"
                said[each.verdict].append(f"{name(each, word)}{amount(each.amount, answer.amount)}")
    return said


def lines(answer: Answer) -> list[str]:
    """Return them, a line for each verdict; nothing where no factor was tested."""
    found = told(answer).items() if answer.effects else ()
    return [f"{said.capitalize()}: {'; '.join(names)}." for said, names in found if names]


def rows(answer: Answer) -> Iterator[tuple[str, ...]]:
    """Yield a row for each average, under HEAD, and below it one for each level of a factor that it depends on."""
    every = [each for each in answer.effects if each.kind != INTERACTION]
    intervals = [each.tested_interval or each.interval for each in every]
    sizes = [each.mean_difference for each in every if each.mean_difference is not None]
    places = decimals(sizes, [(x[1] - x[0]) / 2 for x in intervals if x])
    for average in averages(answer):
        yield (f"{name(average)}{amount(average.amount, answer.amount)}", *_numbers(average, places))
        for each in at_levels(answer, average):
            yield (f"…{where(each)}", *_numbers(each, places))


def _numbers(each: Effect, places: int) -> tuple[str, ...]:
    level = f"{100 * each.tested_level:.4g} %" if each.tested_interval else "-"
    interval = span(each.tested_interval, places)
    return shown(each.mean_difference, places), interval, p_shown(each.adjusted_p), level, verdict(each)


def numbers(each: Effect, of: str) -> str:
    """Return the difference and the interval that decided, in a line."""
    interval = each.tested_interval
    places = decimals([each.mean_difference or 0.0], [(interval[1] - interval[0]) / 2] if interval else [])
    tested = f", interval at {100 * each.tested_level:.4g} % {span(interval, places)}" if interval else ""
    return f"difference {shown(each.mean_difference, places)}{amount(each.amount, of)}{tested}, {count(each.n, 'seed')}"


def of_change(answer: Answer, before: dict[str, str], after: dict[str, str]) -> Effect | None:
    """Return what the one factor does that changed: over all others, or at the level of the one on which it depends.

    None where several changed, where it depends on several, or where no factor was tested.
    """
    changed = [name for name in after if before.get(name) != after[name]]
    own = [
        each for each in answer.effects
        if [each.factor, each.level, each.reference] == [*changed, *(side[changed[0]] for side in (after, before))]
        and (each.kind == AVERAGE or (each.kind == AT_LEVEL and after.get(each.other) == each.at[0]))
    ] if len(changed) == 1 and before.keys() == after.keys() else []  # fmt: skip
    turned_by = own[0].turned_by if own else ()
    found = [each for each in own if (each.other in turned_by if turned_by else each.kind == AVERAGE)]
    return found[0] if len(found) == 1 else None


def remarks(answer: Answer) -> Iterator[str]:
    """Yield what a reader has to know beside the rows: what came later, what was lost, what no seeds can part."""
    for each in answer.effects:
        if each.later:
            places = decimals([each.later.mean_difference], [])
            yield (
                f"{name(each)}: told at {count(each.n, 'seed')}; of all {each.later.n} the mean difference is "
                f"{shown(each.later.mean_difference, places)}, which decides nothing"
            )
        if each.kind != INTERACTION:
            yield from (f"{name(each)}: {warning}" for warning in each.warnings)
    yield from parted(answer)


def parted(answer: Answer) -> Iterator[str]:
    """Yield of factors that always change together that nothing here parts them, and which settings would."""
    for group in answer.inseparable:
        both = " and ".join(group)
        asked = ", ".join(f"{each}: [{', '.join(levels)}]" for each, levels in group.items())
        yield (
            f"{both} always change together: no number of seeds says which of them did it. Settings of each level with "
            f"each would: `vary: {{{asked}}}`"
        )
