"""What the page of a study is about."""

from typing import NamedTuple

from charloom.pages.comparison_rows import Row, rows_of
from charloom.pages.inline import BLUE, GREEN, INK, PINK, VERMILION
from charloom.study.answer import Answer, Comparison, Summary
from charloom.study.measured import Measured
from charloom.study.study_file import Study

COLORS = (VERMILION, BLUE, GREEN, PINK)  # of the baseline and of others whose curves are drawn
FEW = 3  # comparisons of which all is said at once


class Results(NamedTuple):
    """A study, what it measured on the text of this SHA-256, and what that says."""

    study: Study
    text_sha256: str
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
        sign = 1 if self.answer.better == "lower" else -1
        means = {name: each.mean for name, each in self.summaries.items()}
        return sorted(rows, key=lambda row: float("inf") if (mean := means[row.setting]) is None else sign * mean)

    @property
    def summaries(self) -> dict[str, Summary]:
        """By setting."""
        return {each.setting: each for each in self.answer.summaries}

    @property
    def comparisons(self) -> dict[str, Comparison]:
        """By setting, all but the baseline."""
        return {each.setting: each for each in self.answer.comparisons}
