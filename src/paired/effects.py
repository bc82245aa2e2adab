"""The effects that an answer reports: averages, interactions, and effects at the levels of factors that interact."""

from collections.abc import Sequence

from paired.data_types import AT_LEVEL, AVERAGE, BETTER, CANNOT_TELL, DEPENDS, INTERACTION, WORSE, Contrast


def told(effects: Sequence[Contrast]) -> list[Contrast]:
    """Return the effects that an answer reports: the averages, the interactions, and the effects at some levels.

    Effects at a level of another factor are reported if the two factors interact significantly, and no third factor
    reverses the average's sign. A significant interaction has the verdict DEPENDS. An average whose sign other factors
    reverse has their names in `turned_by`; its verdict is CANNOT_TELL, also if an earlier look gave it another one.
    """
    of_kind = {kind: [effect for effect in effects if effect.kind == kind] for kind in (AVERAGE, INTERACTION, AT_LEVEL)}
    interactions = [x._replace(verdict=DEPENDS) if x.verdict in {BETTER, WORSE} else x for x in of_kind[INTERACTION]]
    named = set[tuple[tuple[str, str, str], str]]()
    for interaction in interactions:
        if interaction.verdict == DEPENDS:
            reverse = interaction.other, interaction.at[1], interaction.at[0]
            named |= {(interaction.of, interaction.other), (reverse, interaction.factor)}
    at_levels = [effect for effect in of_kind[AT_LEVEL] if (effect.of, effect.other) in named]
    averages = [_turned(average, at_levels) for average in of_kind[AVERAGE]]
    turned = {average.of: average.turned_by for average in averages if average.turned_by}
    # An effect at a level of a third factor is a mean over the factor that reverses the sign: it is left out, too.
    return [*averages, *interactions, *(x for x in at_levels if turned.get(x.of, (x.other,)) == (x.other,))]


def _turned(average: Contrast, at_levels: Sequence[Contrast]) -> Contrast:
    """Return the average; if other factors reverse its sign, with the verdict CANNOT_TELL and their names in turned_by.

    at_levels  the reported effects at a level of another factor
    """
    signs: dict[str, set[bool]] = {}
    for effect in at_levels:
        if effect.of == average.of and effect.mean_difference and effect.tested_level < 1.0:
            signs.setdefault(effect.other, set()).add(effect.mean_difference > 0)
    turning = tuple(other for other, both in signs.items() if len(both) > 1)
    return average._replace(verdict=CANNOT_TELL, turned_by=turning) if turning else average
