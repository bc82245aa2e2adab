"""The effects that an answer reports: averages, interactions, and effects at the levels of factors that interact."""

from collections.abc import Sequence

from seedpairs.data_types import AT_LEVEL, AVERAGE, BETTER, CANNOT_TELL, DEPENDS, INTERACTION, WORSE, Analysis, Contrast


def reportable(effects: Sequence[Contrast]) -> list[Contrast]:
    """Return the effects that an answer reports: the averages, the interactions, and the effects at some levels.

    Effects at a level of another factor are reported if the two factors interact significantly, and no third factor
    reverses the average's sign. A significant interaction has the verdict DEPENDS. An average whose sign other factors
    reverse has their names in `turned_by`; its verdict is CANNOT_TELL, also if an earlier look gave it another one.
    """
    of_kind = {kind: [effect for effect in effects if effect.kind == kind] for kind in (AVERAGE, INTERACTION, AT_LEVEL)}
    interactions = [x._replace(verdict=DEPENDS) if x.verdict in {BETTER, WORSE} else x for x in of_kind[INTERACTION]]
    significant = set[tuple[tuple[str, str, str], str]]()
    for interaction in interactions:
        if interaction.verdict == DEPENDS:
            reverse = interaction.other, interaction.at[1], interaction.at[0]
            significant |= {(interaction.of, interaction.other), (reverse, interaction.factor)}
    at_levels = [effect for effect in of_kind[AT_LEVEL] if (effect.of, effect.other) in significant]
    averages = [_with_reversing_factors(average, at_levels) for average in of_kind[AVERAGE]]
    turned = {average.of: average.turned_by for average in averages if average.turned_by}
    # An effect at a level of a third factor is a mean over the factor that reverses the sign: it is left out, too.
    return [*averages, *interactions, *(x for x in at_levels if turned.get(x.of, (x.other,)) == (x.other,))]


def _with_reversing_factors(average: Contrast, at_levels: Sequence[Contrast]) -> Contrast:
    """Return the average; if other factors reverse its sign, with the verdict CANNOT_TELL and their names in turned_by.

    at_levels  the reported effects at a level of another factor
    """
    signs: dict[str, set[bool]] = {}
    for effect in at_levels:
        if effect.of == average.of and effect.mean_difference and effect.tested_level < 1.0:
            signs.setdefault(effect.other, set()).add(effect.mean_difference > 0)
    turning = tuple(other for other, both in signs.items() if len(both) > 1)
    return average._replace(verdict=CANNOT_TELL, turned_by=turning) if turning else average


def averages(analysis: Analysis) -> list[Contrast]:
    """Return the averages among the answer's effects: effects of a factor over all levels of the other factors."""
    return [effect for effect in analysis.effects if effect.kind == AVERAGE]


def at_levels(analysis: Analysis, average: Contrast) -> list[Contrast]:
    """Return the effects of the same two levels as `average`, each at a level of a factor that interacts with them."""
    return [effect for effect in analysis.effects if effect.kind == AT_LEVEL and effect.of == average.of]


def shown_effects(analysis: Analysis) -> list[Contrast]:
    """Return each average, followed by its effects at the levels of other factors: see at_levels."""
    return [effect for average in averages(analysis) for effect in (average, *at_levels(analysis, average))]


def of_change(analysis: Analysis, before: dict[str, str], after: dict[str, str]) -> Contrast | None:
    """Return the effect of changing a setting's levels from `before` to `after`, which map factors to levels.

    It is the average of the factor that changed, or its effect at the present level of the factor that it depends on.
    None if several factors changed, if the factor depends on several others, or if this change was not tested.
    """
    changed = [name for name in after if before.get(name) != after[name]]
    if len(changed) != 1 or before.keys() != after.keys():
        return None
    change = changed[0], after[changed[0]], before[changed[0]]
    for average in (effect for effect in averages(analysis) if effect.of == change):
        levels = at_levels(analysis, average)
        if len({effect.other for effect in levels}) > 1 or (average.turned_by and not levels):
            return None
        return next((effect for effect in levels if after[effect.other] == effect.at[0]), average)
    return None
