"""Each value of each param, over all settings that have it: what a reader wants of many settings at a glance."""

from math import prod
from statistics import fmean
from typing import Any, NamedTuple

from charloom.pages.page import Table
from charloom.pages.study.names import breakable
from charloom.pages.study.results import Results
from charloom.results.identity import naming_params
from paired import sentences as words


class Values(NamedTuple):
    """The table, and what has to be said of it.

    whole   each value is there with each of all others, so that two rows of a param differ in it alone
    missed  settings without any value: they are in no mean
    """

    table: Table
    whole: bool
    missed: int


def values(results: Results) -> Values | None:
    """Return them; None where one param alone varies."""
    study, means = results.study, {name: each.mean for name, each in results.summaries.items()}
    if len(study.varied) < 2:
        return None
    by_value: dict[tuple[str, Any], list[float]] = {}
    for name in study.varied:
        for params in study.settings.values():
            by_value.setdefault((name, naming_params(params)[name]), [])
    for setting, params in study.settings.items():
        if (mean := means[setting]) is not None:
            for name in study.varied:
                by_value[name, naming_params(params)[name]].append(mean)
    known = [mean for mean in means.values() if mean is not None]
    places = words.decimals(known, [sd for each in results.answer.summaries if (sd := each.sd)])
    rows = [
        (breakable(f"{name}={str(value).removesuffix('.0')}"), str(len(own)), *_cells(own, places))
        for (name, value), own in sorted(
            by_value.items(), key=lambda each: (study.varied.index(each[0][0]), each[0][1])
        )
    ]
    different = [len({value for own, value in by_value if own == name}) for name in study.varied]
    return Values(
        Table(("value", "settings", "mean", "lowest to highest"), rows),
        prod(different) == len(study.settings),
        len(means) - len(known),
    )


def _cells(own: list[float], places: int) -> tuple[str, str]:
    if not own:
        return "-", "-"
    return words.shown(fmean(own), places), words.span((min(own), max(own)), places)
