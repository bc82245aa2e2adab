"""The presentation of a comparison: it chooses the settings that are shown, their order and their colours."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from charloom.core.config.records import BITS, PART_MEASURE, Measure
from charloom.pages.pictures import BLUE, GREEN, GREY, INK, PINK, VERMILION
from charloom.pages.sections import Table
from seedpairs import sentences as words
from seedpairs.data_types import CANNOT_TELL, Analysis, Contrast, Measurement, Seed, Summary

# colours of the baseline and of the other settings whose curves are drawn; in other pictures, of a factor's levels
COLORS = VERMILION, BLUE, GREEN, PINK
FEW = 3  # most comparisons that are shown with all their lines
ROWS = 40  # most settings in a picture
# measures and curves in words, by their names in tables
OF_PART = f"the cost of a part of the held-out text, in {BITS}"
ABOUT = {measure.value: measure.about for measure in Measure} | {PART_MEASURE: OF_PART}


class SettingRow(NamedTuple):
    """A setting in a picture.

    trials      the setting's trials by seed
    comparison  the setting's contrast with the baseline; None for the baseline
    bold        whether the name is bold: the setting has a verdict, and there are more than FEW comparisons
    """

    setting: str
    color: str
    trials: dict[Seed, Measurement]
    summary: Summary
    comparison: Contrast | None
    bold: bool


class Presentation:
    """An answer, and the choice of what the page shows: settings, their order and colours, and the texts.

    If there are more than FEW comparisons, the settings and comparisons are ordered by the settings' means (the best
    first, settings without a mean last), and only some of them are shown in full.
    """

    def __init__(self, analysis: Analysis) -> None:
        """Store the answer, sorted by the settings' means if there are more than FEW comparisons."""

        def rank(row: Summary) -> float:
            return float("inf") if row.mean is None else row.mean if analysis.better == "lower" else -row.mean

        self.analysis = analysis
        if not self.few:
            summaries = sorted(analysis.summaries, key=rank)
            places = {summary.setting: place for place, summary in enumerate(summaries)}
            comparisons = sorted(analysis.comparisons, key=lambda contrast: places[contrast.setting])
            self.analysis = replace(analysis, summaries=summaries, comparisons=comparisons)

    @property
    def question(self) -> str:
        """Return the question in words: what the factors do, or whether settings are better than the baseline."""
        others = [contrast.setting for contrast in self.analysis.comparisons]
        if factors := dict.fromkeys(effect.factor for effect in self.analysis.effects):
            return f"What do {words.listed(factors)} do?"
        which = f"Is {others[0]}" if len(others) == 1 else f"Which of {len(others)} settings are"
        return f"{which} better than {self.analysis.baseline}?"

    @property
    def heading(self) -> str:
        """Return the study's title, which is the question in the user's words; without a title, `question`."""
        return self.analysis.title or self.question

    @property
    def verdict_lines(self) -> list[str]:
        """Return the answer in words: lines about the effects if some were tested, else a line for each verdict."""
        return words.effect_lines(self.analysis) or words.lines_by_verdict(self.analysis)

    @property
    def unit(self) -> str:
        """Return the unit of the measure: `bits per character`; "" for a measure that charloom does not know."""
        measure = Measure.from_name(self.analysis.measure)
        return measure.unit if measure else ""

    @property
    def trainings(self) -> int:
        """Return the number of trials of all settings."""
        return sum(map(len, self.analysis.settings.values()))

    @property
    def few(self) -> bool:
        """Return whether there are at most FEW comparisons, so that each is shown with all its lines."""
        return len(self.analysis.comparisons) <= FEW

    @property
    def decided(self) -> list[str]:
        """Return the settings that have a verdict."""
        return [contrast.setting for contrast in self.analysis.comparisons if contrast.verdict != CANNOT_TELL]

    @property
    def arrow(self) -> str:
        """Return the label of an axis of values that points in the direction of better values."""
        return "← better" if self.analysis.better == "lower" else "better →"

    @property
    def drawn(self) -> list[str]:
        """Return the settings whose curves are drawn: the baseline and the first FEW others, in the page's order."""
        return [self.analysis.baseline, *(contrast.setting for contrast in self.analysis.comparisons[:FEW])]

    @property
    def rows(self) -> list[SettingRow]:
        """Return at most ROWS settings for pictures, in the page's order: the baseline and the first other settings."""
        comparisons = {contrast.setting: contrast for contrast in self.analysis.comparisons[: ROWS - 1]}
        colors = dict.fromkeys(self.decided, INK) | dict(zip(self.drawn, COLORS, strict=False))
        rows = []
        for summary in self.analysis.summaries:
            if (name := summary.setting) in {self.analysis.baseline, *comparisons}:
                trials, bold = self.analysis.settings[name], not self.few and name in self.decided
                rows.append(SettingRow(name, colors.get(name, GREY), trials, summary, comparisons.get(name), bold))
        return rows


def verdict_second(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return the table with its last column, the verdict, moved to the second place.

    A phone's screen shows only the first two columns.
    """
    first, *others = [(name, verdict, *numbers) for name, *numbers, verdict in (head, *rows)]
    return Table(first, others)
