"""What is said of effects: which interactions are there, and which averages they turn."""

from collections.abc import Sequence

from paired.data_types import AT_LEVEL, AVERAGE, BETTER, CANNOT_TELL, DEPENDS, INTERACTION, WORSE, Contrast


def told(effects: Sequence[Contrast]) -> list[Contrast]:
    """Return the averages, the interactions, and the effects at the levels of factors that interact.

    An average may lose its verdict at a later look, to those at levels: where an interaction is found that turns it.
    """
    of_kind = {kind: [each for each in effects if each.kind == kind] for kind in (AVERAGE, INTERACTION, AT_LEVEL)}
    interactions = [
        each._replace(verdict=DEPENDS) if each.verdict in {BETTER, WORSE} else each for each in of_kind[INTERACTION]
    ]
    named = set[tuple[tuple[str, str, str], str]]()
    for each in interactions:
        if each.verdict == DEPENDS:
            named |= {(each.of, each.other), ((each.other, each.at[1], each.at[0]), each.factor)}
    at_levels = [each for each in of_kind[AT_LEVEL] if (each.of, each.other) in named]
    averages = [_turned(each, at_levels) for each in of_kind[AVERAGE]]
    turned = {each.of: each.turned_by for each in averages if each.turned_by}
    # Where a factor turns the sign, an effect at a level of another one is a mean over it, and says as little.
    return [*averages, *interactions, *(x for x in at_levels if turned.get(x.of, (x.other,)) == (x.other,))]


def _turned(average: Contrast, at_levels: Sequence[Contrast]) -> Contrast:
    """Return the average; without a verdict where a factor that it interacts with turns its sign."""
    signs: dict[str, set[bool]] = {}
    for each in at_levels:
        if each.of == average.of and each.mean_difference and each.tested_level < 1.0:
            signs.setdefault(each.other, set()).add(each.mean_difference > 0)
    turning = tuple(other for other, both in signs.items() if len(both) > 1)
    return average._replace(verdict=CANNOT_TELL, turned_by=turning) if turning else average
