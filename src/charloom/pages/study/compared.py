"""A comparison as it is shown: which settings, in which order, in which colours."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from charloom.pages.pictures import BLUE, GREEN, GREY, INK, PINK, VERMILION
from charloom.pages.sections import Table
from charloom.results.records import MEASURE_OF_PART
from paired import sentences as words
from paired.data_types import CANNOT_TELL, Answer, Contrast, Measured, Measurement, Seed, Summary

COLORS = (VERMILION, BLUE, GREEN, PINK)  # of the baseline and of others whose curves are drawn
FEW = 3  # comparisons of which all is said at once
ROWS = 40  # settings that are shown: more would be a poster
ABOUT = {
    "held_out_bits_per_character": "what held-out text costs the last model, in bits per character",
    "best_held_out_bits_per_character": "what held-out text costs the model of the lowest smooth loss, in bits per "
    "character",
    "lowest_held_out_part_bits_per_character": "the least that a part of the held-out text cost along training, in "
    "bits per character",
    MEASURE_OF_PART: "what a part of the held-out text costs, in bits per character",
    "smooth_loss": "the smoothed loss on training text, in nats per sequence",
    "best_smooth_loss": "the lowest smoothed loss on training text, in nats per sequence",
}  # what is measured, by the names that tables and curves have


class Row(NamedTuple):
    """A setting in a picture; `comparison` is None for the baseline."""

    setting: str
    color: str
    trials: dict[Seed, Measurement]
    summary: Summary
    comparison: Contrast | None


class Compared(NamedTuple):
    """What was measured, and what that says."""

    measured: Measured
    answer: Answer

    @property
    def asked(self) -> str:
        """The question in words."""
        others = [each.setting for each in self.answer.comparisons]
        if factors := dict.fromkeys(each.factor for each in self.answer.effects):
            return f"What do {words.listed(factors)} do?"
        which = f"Is {others[0]}" if len(others) == 1 else f"Which of {len(others)} settings are"
        return f"{which} better than {self.answer.baseline}?"

    @property
    def told(self) -> list[str]:
        """The answer in words, a line for each verdict."""
        return words.effect_lines(self.answer) or words.told_by_line(self.answer)

    @property
    def unit(self) -> str:
        """Of the measure; empty where it is not known."""
        return ABOUT.get(self.answer.measure, "").rpartition(", in ")[2]

    @property
    def few(self) -> bool:
        """Whether all of it can be said at once."""
        return len(self.answer.comparisons) <= FEW

    @property
    def summaries(self) -> dict[str, Summary]:
        """By setting."""
        return {each.setting: each for each in self.answer.summaries}

    @property
    def ordered(self) -> list[str]:
        """All settings: few in their own order, of many the best mean first, and those without one last."""

        def place(each: Summary) -> float:
            return float("inf") if each.mean is None else each.mean if self.answer.better == "lower" else -each.mean

        found = self.answer.summaries if self.few else sorted(self.answer.summaries, key=place)
        return [each.setting for each in found]

    @property
    def in_order(self) -> "Compared":
        """The same with settings and comparisons in that order: so all tables have the pictures' order."""
        by_name, comparisons = self.summaries, list(self.comparisons.values())
        summaries = [by_name[name] for name in self.ordered]
        return self._replace(answer=self.answer._replace(summaries=summaries, comparisons=comparisons))

    @property
    def comparisons(self) -> dict[str, Contrast]:
        """By setting, all but the baseline, in that order."""
        found = {each.setting: each for each in self.answer.comparisons}
        return {name: found[name] for name in self.ordered if name in found}

    @property
    def decided(self) -> list[str]:
        """The settings that have a verdict, in that order."""
        return [name for name, each in self.comparisons.items() if each.verdict != CANNOT_TELL]

    @property
    def ends(self) -> tuple[str, str]:
        """What the best mean is, and what the worst."""
        return ("lowest", "highest") if self.answer.better == "lower" else ("highest", "lowest")

    @property
    def drawn(self) -> dict[str, str]:
        """The settings whose curves are drawn, the baseline first, and why: of many those that tell most."""
        why = {self.answer.baseline: "the baseline"}
        for name, each in list(self.comparisons.items())[: len(COLORS) if self.few else 1]:
            why[name] = f"the {self.ends[0]} mean of the others ({each.verdict})"
        if not self.few:
            for end, name in zip(self.ends, dict.fromkeys([*self.decided[:1], *self.decided[-1:]]), strict=False):
                why.setdefault(name, f"the {end} mean of those with a verdict ({self.comparisons[name].verdict})")
        return why

    @property
    def rows(self) -> list[Row]:
        """The settings that are shown: few in their order, of many the best first, of too many those alone."""
        comparisons, summaries, trials = self.comparisons, self.summaries, self.measured.settings
        colors = dict.fromkeys(self.decided, INK) | dict(zip(self.drawn, COLORS, strict=False))
        kept = list(dict.fromkeys([*self.drawn, *comparisons]))[:ROWS]
        return [
            Row(name, colors.get(name, GREY), trials[name], summaries[name], comparisons.get(name))
            for name in self.ordered
            if name in kept
        ]


def verdict_second(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return a table of what ends in a verdict, with that beside the name: on a phone the numbers are out of sight."""
    first, *turned = [(name, verdict, *numbers) for name, *numbers, verdict in (head, *rows)]
    return Table(first, turned)
