"""The section `answer`: the verdicts in words, with their figures, warnings and remarks."""

from charloom.pages.sections import Section
from charloom.pages.study.compared import Compared
from charloom.pages.study.effects_section import effects_table
from paired import sentences as words
from paired import tables
from paired.data_types import CANNOT_TELL, VERDICTS

DECIDING = 3  # the first lines of a comparison: see words.difference


def section(compared: Compared) -> Section:
    """Return the section with the answer.

    If there are more than FEW comparisons, only those with a verdict are shown, each with at most DECIDING lines.
    """
    answer, few = compared.answer, compared.few
    texts = [(name, lines if few else lines[:DECIDING]) for name, lines in words.comparisons(answer, open_too=few)]
    it = {
        "effects": effects_table(answer),
        "sure": [name for name, *_, end in tables.effect_rows(answer) if end != CANNOT_TELL and end in VERDICTS],
        "parted": list(words.parted(answer)),
        "remarks": list(words.remarks(answer)),
        "comparisons": texts,
        "left": len(answer.comparisons) - len(texts),
        "exploded": sum(trial.exploded for own in answer.settings.values() for trial in own.values()),
    }
    return Section("answer", "The answer", it)
