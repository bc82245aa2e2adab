"""Explosions, an outcome of their own: how many trials diverged, or ended worse than a uniform guess."""

from charloom.pages.page import Section
from charloom.pages.study.results import Results
from charloom.study import words


def section(results: Results) -> Section:
    """Return the section."""
    summaries = results.summaries
    baseline = summaries[results.answer.baseline]
    said = [
        (each.setting, line)
        for each in results.answer.comparisons
        for line in words.explosions(each, summaries[each.setting], baseline)
    ]
    it = {"said": said, "trials": sum(each.trials for each in summaries.values())}
    return Section("explosions", "Explosions", it)
