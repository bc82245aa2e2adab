"""The answer: the verdict in words, and what a reader has to know before the pictures."""

from collections import Counter

from charloom.pages.page import Section
from charloom.pages.study.results import Results
from charloom.study import words
from charloom.study.answer import CANNOT_TELL


def section(results: Results) -> Section:
    """Return the section."""
    answer = results.answer
    said = list(words.comparisons(answer))
    told = [
        (title, lines if results.few else lines[:1])
        for (title, lines), each in zip(said, answer.comparisons, strict=True)
        if results.few or each.verdict != CANNOT_TELL
    ]
    counted = Counter(each.verdict for each in answer.comparisons)
    it = {
        "told": words.told(answer),
        "few": results.few,
        "facts": _facts(results) if len(said) == 1 else [(name, str(counted[name]), ()) for name in words.VERDICTS],
        "comparisons": told,
        "left": len(said) - len(told),
        "warnings": answer.warnings,
    }
    return Section("answer", "The answer", it)


def _facts(results: Results) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return the few figures of a single comparison: a name, a number, and lines on it."""
    (each,), (first, second) = results.answer.comparisons, words.rows(results.answer)
    if first[0] != results.answer.baseline:
        first, second = second, first
    places = words.places_of(each)
    means = [
        (name, mean, (f"mean of {n} seed{'s' * (n != '1')}", *_interval(span)))
        for name, n, mean, _, span in (first, second)
    ]
    difference = words.shown(each.mean_difference, places), _interval(words.span(each.interval, places))
    return [*means, ("difference", *difference)]


def _interval(span: str) -> tuple[str, ...]:
    return () if span == "-" else (f"{words.PERCENT} interval {span}",)
