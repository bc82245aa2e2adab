"""Select the effects that an answer reports: averages, interactions, and effects at levels of factors that interact."""

from collections.abc import Sequence

from seedpairs.data_types import AT_LEVEL, AVERAGE, BETTER, CANNOT_TELL, DEPENDS, INTERACTION, WORSE, Analysis, Contrast


def reportable(effects: Sequence[Contrast]) -> list[Contrast]:
    """Return the effects that an answer reports: the averages, the interactions, and the effects at some levels.

    Effects at a level of another factor are reported if the two factors interact significantly, and no third factor
    reverses the average's sign. A significant interaction has the verdict DEPENDS. If other factors reverse the sign of
    an average, `turned_by` has the names of these factors, and the verdict is CANNOT_TELL, whatever earlier looks gave.
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
    """Return the average. If other factors reverse its sign, set `turned_by` to their names, `verdict` to CANNOT_TELL.

    at_levels  the effects at one level of another factor, of all averages
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
    """Return the reported effects that compare the two levels of `average`, each at one level of another factor."""
    return [effect for effect in analysis.effects if effect.kind == AT_LEVEL and effect.of == average.of]


def shown_effects(analysis: Analysis) -> list[Contrast]:
    """Return each average effect, followed by the effects that `at_levels` returns for this average."""
    return [effect for average in averages(analysis) for effect in (average, *at_levels(analysis, average))]
