"""The answer: the verdict in words, and what a reader has to know before the pictures."""

from collections import Counter
from collections.abc import Iterator

from charloom.pages.sections import Section
from charloom.pages.study.compared import Compared
from charloom.pages.study.effects_section import effects_table
from paired import sentences as words
from paired.data_types import CANNOT_TELL, VERDICTS
from paired.numbers import shown, span

DECIDING = 3  # lines of a comparison: the difference, the interval that decides, p


def section(compared: Compared) -> Section:
    """Return the section."""
    answer = compared.answer
    said = list(words.comparisons(answer))
    told = [
        (title, lines if compared.few else lines[:DECIDING])
        for (title, lines), each in zip(said, answer.comparisons, strict=True)
        if compared.few or each.verdict != CANNOT_TELL
    ]
    counted = Counter(each.verdict for each in answer.comparisons)
    beside = f"of {len(said)} settings"
    open_ones = [each.interval for each in answer.comparisons if each.verdict == CANNOT_TELL and each.interval]
    it = {
        "effects": effects_table(answer),
        "sure": [name for name, *_, said in words.effect_rows(answer) if said != CANNOT_TELL and said in VERDICTS],
        "parted": list(words.parted(answer)),
        "remarks": list(words.remarks(answer)),
        "facts": _facts(compared) if len(said) == 1 else [(name, str(counted[name]), (beside,)) for name in VERDICTS],
        "comparisons": told,
        "left": len(said) - len(told),
        "beyond_zero": sum(not low <= 0.0 <= high for low, high in open_ones),
        "counted": "all that is tested is"
        if answer.effects
        else f"all {len(said)} comparisons{' and all looks' * (len(answer.looks) > 1)} are",
        "nothing": " ".join(_nothing(compared)),
    }
    return Section("answer", "The answer", it)


def _facts(compared: Compared) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return the few figures of a single comparison: a name, a number, and lines on it."""
    (each,) = compared.answer.comparisons
    places = words.places_of([each])
    rows = sorted(words.rows(compared.answer), key=lambda row: row[0] != compared.answer.baseline)
    means = [
        (name, mean, (compared.unit, f"mean of {n} seed{'s' * (n != '1')}", _interval(span)))
        for name, n, mean, _, span in rows
    ]
    difference = shown(each.mean_difference, places), (compared.unit, _interval(span(each.interval, places)))
    return [*means, ("difference", *difference)]


def _interval(span: str) -> str:
    return "" if span == "-" else f"{words.PERCENT} interval {span}"


def _nothing(compared: Compared) -> Iterator[str]:
    """Yield in sentences that nothing exploded, and that no training reached the target, where it is so."""
    answer, budget = compared.answer, compared.measured.budget
    none = f"None of the {sum(each.trials for each in answer.summaries):,} trainings"
    if not any(each.exploded for each in answer.summaries):
        yield (
            f"{none} exploded: none diverged (to a loss or a gradient that is no finite number), and none ended worse "
            "than a uniform guess."
        )
    if answer.target and not any(each.reached for each in answer.summaries):
        within = f", within {budget:,} updates" if budget else ""
        yield f"{none} came to the target, {answer.target}{within}."
