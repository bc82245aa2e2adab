"""The answer: the verdict in words, and what a reader has to know before the pictures."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from math import prod
from statistics import fmean
from typing import Any

from charloom.pages.sections import Section, Table
from charloom.pages.study.compared import Compared
from charloom.results.identity import naming_params
from charloom.settings.params import as_yaml, in_order
from charloom.study.study_file import Study
from paired import sentences as words
from paired.data_types import CANNOT_TELL, VERDICTS
from paired.numbers import decimals, shown, span

DECIDING = 3  # lines of a comparison: the difference, the interval that decides, p


def section(study: Study, compared: Compared) -> Section:
    """Return the section."""
    answer = compared.answer
    said = list(words.comparisons(answer))
    told = [
        (title, lines if compared.few else lines[:DECIDING])
        for (title, lines), each in zip(said, answer.comparisons, strict=True)
        if compared.few or each.verdict != CANNOT_TELL
    ]
    counted = Counter(each.verdict for each in answer.comparisons)
    open_ones = [each.interval for each in answer.comparisons if each.verdict == CANNOT_TELL and each.interval]
    it = {
        "told": words.told(answer),
        "facts": _facts(compared) if len(said) == 1 else [(name, str(counted[name]), ()) for name in VERDICTS],
        "comparisons": told,
        "left": len(said) - len(told),
        "beyond_zero": sum(not low <= 0.0 <= high for low, high in open_ones),
        "counted": f"all {len(said)} comparisons{' and all looks' * (len(answer.looks) > 1)}",
        "of_values": _values(study, compared),
        "nothing": " ".join(_nothing(compared)),
    }
    return Section("answer", "The answer", it)


def _facts(compared: Compared) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return the few figures of a single comparison: a name, a number, and lines on it."""
    (each,) = compared.answer.comparisons
    places = words.places_of(each)
    rows = sorted(words.rows(compared.answer), key=lambda row: row[0] != compared.answer.baseline)
    means = [(name, mean, (f"mean of {n} seed{'s' * (n != '1')}", *_interval(span))) for name, n, mean, _, span in rows]
    difference = shown(each.mean_difference, places), _interval(span(each.interval, places))
    return [*means, ("difference", *difference)]


def _interval(span: str) -> tuple[str, ...]:
    return () if span == "-" else (f"{words.PERCENT} interval {span}",)


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


def _values(study: Study, compared: Compared) -> dict[str, Any] | None:
    """Return each value of each param, over all settings that have it: of many settings at a glance.

    whole   each value is there with each of all others, so that two rows of a param differ in it alone
    missed  settings without any value: they are in no mean

    None where one param alone varies.
    """
    if len(study.varied) < 2:
        return None
    means = {name: each.mean for name, each in compared.summaries.items()}
    by_value: dict[tuple[int, Any], list[float | None]] = defaultdict(list)
    for setting, params in study.settings.items():
        named = naming_params(params)
        for at, name in enumerate(study.varied):
            if name in named:  # else it has no effect there
                by_value[at, named[name]].append(means[setting])
    known = [mean for mean in means.values() if mean is not None]
    places = decimals(known, [sd for each in compared.answer.summaries if (sd := each.sd)])
    rows = []
    for (at, value), all_of_it in sorted(by_value.items(), key=lambda pair: (pair[0][0], in_order(pair[0][1]))):
        own = [mean for mean in all_of_it if mean is not None]
        mean, ends = (fmean(own), (min(own), max(own))) if own else (None, None)
        name = f"{study.varied[at]}={as_yaml(value).removesuffix('.0')}"
        rows.append((name, str(len(own)), shown(mean, places), span(ends, places)))
    different = Counter(at for at, _ in by_value)
    return {
        "table": Table(("value", "settings", "mean", "lowest to highest"), rows),
        "whole": prod(different.values()) == len(means) == sum(map(len, by_value.values())) / len(study.varied),
        "missed": len(means) - len(known),
    }
