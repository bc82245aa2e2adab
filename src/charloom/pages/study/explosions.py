"""Explosions, an outcome of their own: how many trials diverged, or ended worse than a uniform guess."""

from charloom.pages.page import Section
from charloom.pages.study.names import breakable
from charloom.pages.study.results import Results
from paired import sentences as words


def section(results: Results) -> Section | None:
    """Return the section; None where nothing exploded."""
    summaries = results.summaries
    baseline = summaries[results.answer.baseline]
    said = [
        (breakable(each.setting), line)
        for each in results.answer.comparisons
        for line in words.explosions(each, summaries[each.setting], baseline)
    ]
    return Section("explosions", "Explosions", said) if said else None


def nothing(results: Results) -> str:
    """Return in a sentence that nothing exploded; nothing where something has."""
    if any(each.exploded for each in results.answer.summaries):
        return ""
    trials = sum(each.trials for each in results.answer.summaries)
    return (
        f"None of the {trials:,} trainings exploded: none diverged (to a loss or a gradient that is no finite number), "
        "and none ended worse than a uniform guess."
    )
