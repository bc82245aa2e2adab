"""Answers that a test writes down."""

from seedpairs.data_types import ALONE, BETTER, Analysis, Contrast, Summary

BASE, OTHER = "train.initial_accumulator_value=0", "train.initial_accumulator_value=10"


def summary(setting: str, **other) -> Summary:
    known = Summary(setting, 10, 10, 2.84231, 0.0312, (2.8200, 2.8646), 0, 0, None)
    return known._replace(**other)


def comparison(setting: str = OTHER, **other) -> Contrast:
    known = Contrast(
        ALONE, setting, differences=dict.fromkeys(range(10), -0.1), n=10, mean_difference=-0.10391, sd=0.05,
        interval=(-0.14134, -0.06648), tested_level=0.95, tested_interval=(-0.14134, -0.06648), p=0.0002,
        adjusted_p=0.0002, verdict=BETTER,
    )  # fmt: skip
    return known._replace(**other)


def answer(*comparisons: Contrast, summaries: list[Summary] | None = None, **other) -> Analysis:
    comparisons = comparisons or (comparison(),)
    summaries = summaries or [summary(BASE), *(summary(each.setting) for each in comparisons)]
    known = {"measure": "loss", "better": "lower", "baseline": BASE, "settings": {}, "exploded": "came to nothing"}
    return Analysis(summaries=summaries, comparisons=list(comparisons), **(known | other))
