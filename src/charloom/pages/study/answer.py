"""The answer: the verdict in words, and what a reader has to know before the pictures."""

from collections import Counter

from charloom.pages.page import Section
from charloom.pages.study import explosions, target
from charloom.pages.study.names import breakable
from charloom.pages.study.results import Results
from charloom.pages.study.values import values
from paired import sentences as words
from paired.data_types import CANNOT_TELL, VERDICTS

DECIDING = 3  # lines of a comparison: the difference, the interval that decides, p


def section(results: Results) -> Section:
    """Return the section."""
    answer = results.answer
    said = list(words.comparisons(answer, explain=True))
    told = [
        (breakable(title), lines if results.few else lines[:DECIDING])
        for (title, lines), each in zip(said, answer.comparisons, strict=True)
        if results.few or each.verdict != CANNOT_TELL
    ]
    counted = Counter(each.verdict for each in answer.comparisons)
    open_ones = [each for each in answer.comparisons if each.verdict == CANNOT_TELL]
    it = {
        "told": breakable(words.told(answer)),
        "few": results.few,
        "facts": _facts(results) if len(said) == 1 else [(name, str(counted[name]), ()) for name in VERDICTS],
        "comparisons": told,
        "left": len(said) - len(told),
        "beyond_zero": sum(x is not None and not x[0] <= 0.0 <= x[1] for x in (each.interval for each in open_ones)),
        "counted": f"all {len(said)} comparisons{' and all looks' * (len(answer.looks) > 1)}",
        "percent": words.PERCENT,
        "warnings": answer.warnings,
        "of_values": values(results),
        "nothing": " ".join(filter(None, (explosions.nothing(results), target.nothing(results)))),
    }
    return Section("answer", "The answer", it)


def _facts(results: Results) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return the few figures of a single comparison: a name, a number, and lines on it."""
    (each,), (first, second) = results.answer.comparisons, words.rows(results.answer)
    if first[0] != results.answer.baseline:
        first, second = second, first
    places = words.places_of(each)
    means = [
        (breakable(name), mean, (f"mean of {n} seed{'s' * (n != '1')}", *_interval(span)))
        for name, n, mean, _, span in (first, second)
    ]
    difference = words.shown(each.mean_difference, places), _interval(words.span(each.interval, places))
    return [*means, ("difference", *difference)]


def _interval(span: str) -> tuple[str, ...]:
    return () if span == "-" else (f"{words.PERCENT} interval {span}",)
