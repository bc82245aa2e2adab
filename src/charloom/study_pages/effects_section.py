"""The section `effects`: all effects of the factors, and the pairs of factors that interact."""

from charloom.pages.pictures import GREY, INK
from charloom.pages.sections import PageSection, Picture, Table
from charloom.study_pages.presentation import ROWS, Presentation, verdict_second
from charloom.study_pages.seed_by_seed import differences_picture, line_of
from seedpairs import sentences as words
from seedpairs import tables
from seedpairs.data_types import CANNOT_TELL, DEPENDS, Analysis
from seedpairs.effects import shown_effects


def section(presentation: Presentation) -> PageSection | None:
    """Return the section with the picture of the effects; None without effects."""
    if not presentation.analysis.effects:
        return None
    interactions = [effect for effect in presentation.analysis.effects if effect.verdict == DEPENDS]
    pairs = list(dict.fromkeys((effect.factor, effect.other) for effect in interactions))
    return PageSection("effects", "What each factor does", pairs, [_in_rows(presentation)])


def _in_rows(presentation: Presentation) -> Picture:
    """Return the picture of the first ROWS effects, with a dot for each seed, and their intervals."""
    analysis, every, lines = presentation.analysis, shown_effects(presentation.analysis), []
    for effect in every[:ROWS]:
        name = f"{words.name(effect)}{words.amount(effect, analysis)}: {words.verdict(effect)}"
        is_sure = effect.verdict != CANNOT_TELL
        lines.append(line_of(name, INK if is_sure else GREY, effect, list(effect.counting.values()), bold=is_sure))
    end = " Each effect is averaged over the params that its name does not contain."
    if len(lines) < len(every):
        end += f" Shown are {len(lines)} of {len(every)} effects."
    names = "effects-picture", "what each factor does", "first level minus second"
    return differences_picture(presentation, lines, names, ("A dot is a seed", end), effects_table(analysis))


def effects_table(analysis: Analysis) -> Table:
    """Return a table of the effects: averages over all other params, and effects at one value of another param."""
    return verdict_second(("one value against another", *tables.EFFECTS[1:]), tables.effect_rows(analysis))
