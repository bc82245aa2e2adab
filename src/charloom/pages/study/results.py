"""What the page of a study is about."""

from typing import NamedTuple

from charloom.pages.comparison_rows import Row, rows_of
from charloom.pages.inline import BLUE, GREEN, GREY, INK, PINK, VERMILION
from charloom.study.study_file import Study
from paired.data_types import CANNOT_TELL, Answer, Comparison, Measured, Summary

COLORS = (VERMILION, BLUE, GREEN, PINK)  # of the baseline and of others whose curves are drawn
FEW = 3  # comparisons of which all is said at once


class Results(NamedTuple):
    """A study, what it measured, and what that says."""

    study: Study
    measured: Measured
    answer: Answer

    @property
    def few(self) -> bool:
        """Whether all of it can be said at once."""
        return len(self.answer.comparisons) <= FEW

    @property
    def rows(self) -> list[Row]:
        """The settings that are drawn: few in their order, of many the best first."""
        rows = rows_of(self.answer, COLORS, INK)
        if self.few:
            return rows
        rows.sort(key=lambda row: self._place(row.setting))
        own = dict(zip([self.answer.baseline, *self._drawn], COLORS, strict=False))
        return [row._replace(color=own.get(row.setting, INK if row.setting in self.decided else GREY)) for row in rows]

    @property
    def first(self) -> str:
        """Of many settings the one of the best mean beside the baseline, whatever its verdict."""
        return min(self.comparisons, key=self._place)

    @property
    def decided(self) -> list[str]:
        """The settings that have a verdict, the best first."""
        return sorted((name for name, each in self.comparisons.items() if each.verdict != CANNOT_TELL), key=self._place)

    @property
    def _drawn(self) -> list[str]:
        """Return of many settings those whose curves are drawn: the best, and of the decided the best and the worst."""
        return list(dict.fromkeys([self.first, *self.decided[:1], *self.decided[-1:]]))

    def _place(self, setting: str) -> float:
        """Return what sorts settings: the best mean first, those without one last."""
        mean = self.summaries[setting].mean
        return float("inf") if mean is None else mean if self.answer.better == "lower" else -mean

    @property
    def summaries(self) -> dict[str, Summary]:
        """By setting."""
        return {each.setting: each for each in self.answer.summaries}

    @property
    def comparisons(self) -> dict[str, Comparison]:
        """By setting, all but the baseline."""
        return {each.setting: each for each in self.answer.comparisons}
