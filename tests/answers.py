"""Answers that a test writes down."""

from paired.data_types import BETTER, Answer, Comparison, Summary

BASE, OTHER = "train.initial_accumulator_value=0", "train.initial_accumulator_value=10"


def summary(setting: str, **other) -> Summary:
    known = Summary(setting, 10, 10, 2.84231, 0.0312, (2.8200, 2.8646), 0, 0, None)
    return known._replace(**other)


def comparison(setting: str = OTHER, **other) -> Comparison:
    known = Comparison(
        setting, 10, dict.fromkeys(range(10), -0.1), -0.10391, 0.05, (-0.14134, -0.06648), 0.95, (-0.14134, -0.06648),
        0.12, (-0.15, -0.05), 0.0002, 0.0002, 0.002, BETTER, None, None, None, (),
    )  # fmt: skip
    return known._replace(**other)


def answer(*comparisons: Comparison, summaries: list[Summary] | None = None, **other) -> Answer:
    comparisons = comparisons or (comparison(),)
    summaries = summaries or [summary(BASE), *(summary(each.setting) for each in comparisons)]
    known = Answer("loss", "lower", BASE, (), None, "", summaries, list(comparisons), {}, (), "came to nothing")
    return known._replace(**other)
