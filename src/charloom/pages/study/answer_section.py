"""The section `answer`: the verdicts in words, with their figures, warnings and remarks."""

from collections import Counter

from charloom.pages.sections import Section
from charloom.pages.study.compared import Compared
from charloom.pages.study.effects_section import effects_table
from paired import sentences as words
from paired import tables
from paired.data_types import CANNOT_TELL, VERDICTS
from paired.numbers import shown, span

DECIDING = 3  # the first lines of a comparison: see words.difference


def section(compared: Compared) -> Section:
    """Return the section with the answer.

    If there are more than FEW comparisons, only those with a verdict are shown, each with at most DECIDING lines.
    """
    answer, count, few = compared.answer, len(compared.answer.comparisons), compared.few
    texts = [(name, lines if few else lines[:DECIDING]) for name, lines in words.comparisons(answer, open_too=few)]
    verdicts, total = Counter(contrast.verdict for contrast in answer.comparisons), f"of {count} settings"
    undecided = [row.interval for row in answer.comparisons if row.verdict == CANNOT_TELL and row.interval]
    it = {
        "effects": effects_table(answer),
        "sure": [name for name, *_, end in tables.effect_rows(answer) if end != CANNOT_TELL and end in VERDICTS],
        "parted": list(words.parted(answer)),
        "remarks": list(words.remarks(answer)),
        "facts": _facts(compared) if count == 1 else [(name, str(verdicts[name]), (total,)) for name in VERDICTS],
        "comparisons": texts,
        "left": count - len(texts),
        "beyond_zero": sum(not low <= 0.0 <= high for low, high in undecided),
        "counted": "all tests are"
        if answer.effects
        else f"all {count} comparisons{' and all looks' * (len(answer.looks) > 1)} are",
    }
    return Section("answer", "The answer", it)


def _facts(compared: Compared) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return the figures of a single comparison: both means, the baseline's first, and the difference.

    Each figure has a name, a number as text, and lines about the number.
    """
    (contrast,) = compared.answer.comparisons
    places = words.places_of([contrast])
    rows = sorted(tables.rows(compared.answer), key=lambda row: row[0] != compared.answer.baseline)
    means = [
        (name, mean, (compared.unit, f"mean of {n} seed{'s' * (n != '1')}", _interval(span)))
        for name, n, mean, _, span in rows
    ]
    difference = shown(contrast.mean_difference, places), (compared.unit, _interval(span(contrast.interval, places)))
    return [*means, ("difference", *difference)]


def _interval(span: str) -> str:
    return "" if span == "-" else f"{words.PERCENT} interval {span}"
