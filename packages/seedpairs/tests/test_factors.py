"""Effects of factors: means and signs by hand, what turns an average, and which designs there are."""

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from comparisons import designed, effect

from seedpairs.data_types import (
    AT_LEVEL,
    AVERAGE,
    BETTER,
    CANNOT_TELL,
    DEPENDS,
    INTERACTION,
    NO_DIFFERENCE,
    WORSE,
)
from seedpairs.factors import design, inseparable
from seedpairs.sentences import effects_by_verdict, open_effects, parted, told, verdict
from seedpairs.tables import effect_rows as rows

NOISE = np.random.default_rng(5).normal(size=(10, 4, 4)) * 0.01
TWO = {"a": [1, 2], "b": [1, 2]}


def noise(seed, *levels):
    return float(NOISE[seed, levels[0], levels[-1]])


def rising(seed, a, b):
    """Return more for a second level of the first factor, whatever the other one is."""
    return a + noise(seed, a, b)


def turning(seed, a, b):
    """Return more for a=2 at b=1, and less at b=2: on average a=2 is higher by a half, which hides that."""
    return 2.0 * (a == 2) * (b == 1) - 1.0 * (a == 2) * (b == 2) + noise(seed, a, b)


def test_each_effect_is_the_mean_over_the_other_factors_within_a_seed():
    values = {cell: np.random.default_rng(cell).normal(size=5) for cell in product([1, 2, 3], [1, 2], [5, 6])}
    answer = designed({"a": [1, 2, 3], "b": [1, 2], "c": [5, 6]}, lambda seed, *cell: float(values[cell][seed]))
    table = np.array([[[values[a, b, c] for c in (5, 6)] for b in (1, 2)] for a in (1, 2, 3)])  # (a, b, c, seed)
    by_a, by_c, by_b_and_c = table.mean(axis=(1, 2)), table.mean(axis=(0, 1)), table.mean(axis=0)
    at_5, at_6 = (by_b_and_c[1, c] - by_b_and_c[0, c] for c in (0, 1))
    assert len(answer.effects) == 3 + 1 + 1 + 3 + 3 + 1
    for kind, factor, level, reference, at, expected in (
        (AVERAGE, "a", 3, 2, (), by_a[2] - by_a[1]),
        (AVERAGE, "c", 6, 5, (), by_c[1] - by_c[0]),
        (INTERACTION, "b", 2, 1, (5, 6), at_6 - at_5),
    ):
        found = effect(answer, kind, factor, level, reference, *at)
        assert list(found.differences.values()) == pytest.approx(expected)


def test_an_average_that_nothing_turns_is_told():
    answer = designed(TWO, lambda seed, a, b: a - 0.5 * b + noise(seed, a, b))
    assert effect(answer, AVERAGE, "a", 2, 1).verdict == WORSE
    assert effect(answer, AVERAGE, "b", 2, 1).verdict == BETTER
    assert effect(answer, INTERACTION, "a", 2, 1, 1, 2).verdict == CANNOT_TELL
    line = told(answer)
    assert line.startswith("Better: b=2 against 1. Worse: a=2 against 1. Single settings against the baseline: ")
    assert [x for x in answer.effects if x.kind == AT_LEVEL] == []  # levels are shown only where an interaction is
    assert effect(designed(TWO, rising, better="higher"), AVERAGE, "a", 2, 1).verdict == BETTER


def test_a_factor_that_turns_anothers_sign_leaves_no_average_but_the_levels():
    answer = designed(TWO, turning)
    average = effect(answer, AVERAGE, "a", 2, 1)
    assert average.adjusted_p < 0.05
    assert (average.verdict, average.turned_by) == (CANNOT_TELL, ("b",))
    assert effect(answer, INTERACTION, "a", 2, 1, 1, 2).verdict == DEPENDS
    assert effect(answer, AT_LEVEL, "a", 2, 1, 1).verdict == WORSE
    assert effect(answer, AT_LEVEL, "a", 2, 1, 2).verdict == BETTER
    assert effects_by_verdict(answer)[BETTER][:1] == ["a=2 against 1 at b=2"]
    assert "a=2 against 1 at b=1" in effects_by_verdict(answer)[WORSE]
    assert [row[0] for row in rows(answer)][:3] == ["a=2 against 1", "a=2 against 1 at b=1", "a=2 against 1 at b=2"]
    assert next(rows(answer))[-1] == "depends on b"


def test_a_factor_that_changes_the_size_alone_leaves_the_average():
    answer = designed(TWO, lambda seed, a, b: (a == 2) * (1.0 + 2.0 * (b == 2)) + noise(seed, a, b))
    assert effect(answer, INTERACTION, "a", 2, 1, 1, 2).verdict == DEPENDS
    assert effect(answer, AVERAGE, "a", 2, 1).verdict == WORSE
    assert effect(answer, AVERAGE, "a", 2, 1).turned_by == ()
    assert {effect(answer, AT_LEVEL, "a", 2, 1, b).verdict for b in (1, 2)} == {WORSE}
    once = designed(TWO, lambda s, a, b: -1.0 * (a == 2) * (b == 1) + noise(s, a, b), seeds=8)
    assert "a=2 against 1 at b=1" in effects_by_verdict(once)[BETTER]  # it does not hold at each level: level by level
    assert "a=2 against 1" not in effects_by_verdict(once)[BETTER]


def test_an_effect_without_a_verdict_says_how_many_more_seeds_would_tell():
    answer = designed(TWO, noise)
    of_a, of_b = (effect(answer, AVERAGE, factor, 2, 1) for factor in "ab")
    for average in (of_a, of_b):
        least, most = average.more_seeds
        assert 1 <= least <= (most or math.inf)
        many = f"{'at least ' * (most is None)}about {least}{f' to {most}' * (most not in {None, least})}"
        assert verdict(average) == f"cannot tell yet, {many} more seeds"
        assert f"{average.factor}=2 against 1: {verdict(average)}" in list(open_effects(answer))
    decided = effect(designed(TWO, rising), AVERAGE, "a", 2, 1)
    assert (decided.verdict, decided.more_seeds) == (WORSE, None)
    small = designed(TWO, noise, smallest_difference=1.0)
    assert {effect.verdict for effect in small.effects} == {NO_DIFFERENCE, CANNOT_TELL}
    assert effect(small, INTERACTION, "a", 2, 1, 1, 2).verdict == CANNOT_TELL


def test_an_effect_at_a_level_that_was_not_tested_says_why():
    """At a=1 and 2 the effect of b has two signs; at a=3 chance hides it."""
    answer = designed(
        {"a": [1, 2, 3], "b": [1, 2]},
        lambda seed, a, b: {1: b, 2: -b, 3: 300 * noise(seed, b, a)}[a] + 0.1 * noise(seed, a, b),
    )
    at = effect(answer, AT_LEVEL, "b", 2, 1, 3)
    assert (at.tested_interval, at.more_seeds) == (None, None)
    assert verdict(at) == "cannot tell yet: not tested, as no interaction of b with a=3 is sure"
    assert f"b=2 against 1 at a=3: {verdict(at)}" in list(open_effects(answer))
    assert verdict(effect(answer, AT_LEVEL, "b", 2, 1, 1)) == WORSE


def test_levels_are_compared_with_the_baselines():
    answer = designed({"a": [1, 2, 3], "b": [1, 2]}, noise, baseline=(2, 2))
    of_a = [
        (effect.level, effect.reference) for effect in answer.effects if effect.kind == AVERAGE and effect.factor == "a"
    ]
    assert of_a == [("1", "2"), ("3", "2"), ("3", "1")]
    many = designed({"a": [1, 2, 3, 4, 5], "b": [1, 2]}, lambda seed, a, b: noise(seed, a % 4, b))
    assert sum(x.kind == AVERAGE for x in many.effects) == 4 + 1  # of many levels each with the baseline's alone


def test_rounding_alone_and_too_few_seeds_are_no_effect():
    """0.1 + 0.2 and 0.3 are one number but for their last bit."""
    answer = designed(TWO, lambda _, a, __: 0.1 + 0.2 if a == 1 else 0.3, seeds=4)
    assert effect(answer, AVERAGE, "a", 2, 1).differences == dict.fromkeys(range(4), 0.0)
    assert {effect.verdict for effect in designed(TWO, noise, seeds=1).effects} == {CANNOT_TELL}
    assert designed(TWO, noise, seeds=0).effects == []


def test_amounts_are_said_where_they_differ():
    names = [f"a={a} b={b}" for a in (1, 2) for b in (1, 2)]
    given = {name: 50.0 if name.startswith("a=2") else 25.0 for name in names}
    answer = designed(TWO, lambda seed, a, b: -a + noise(seed, a, b), amounts=given, amount="text read")
    assert effect(answer, AVERAGE, "a", 2, 1).amount == 2.0
    assert effects_by_verdict(answer)[BETTER] == ["a=2 against 1 (with 2 times as much text read)"]
    assert "(with 2 times as much text read)" in next(rows(answer))[0]
    assert told(answer).count("(with 2 times as much text read)") == 3


def of(*settings):
    return {str(n): dict(zip("abc", map(str, each), strict=False)) for n, each in enumerate(settings)}


def test_incomplete_settings_are_no_design():
    """One setting is missing; one factor; two that are one; b has no effect in a setting."""
    one, other = [(1, 1), (1, 2), (2, 1)], [(1, 1), (2, 1), (3, 1)]
    for settings in (one, other, [(1, 1), (2, 2)], [*one, (2,)]):
        assert design(of(*settings), "0") is None


def test_factors_that_always_change_together_are_one():
    """The settings that would part them are written out. What never changes is no factor."""
    assert inseparable(of((1, 5, 1), (1, 5, 2))) == [["c"]]
    levels = of((1, 5, 1), (1, 5, 2), (2, 6, 1), (2, 6, 2))
    assert inseparable(levels) == [["a", "b"], ["c"]]
    assert design(levels, "2").levels == {"a": ["2 b=6", "1 b=5"], "c": ["1", "2"]}
    answer = replace(designed(TWO, noise), inseparable=({"a": ("1", "2"), "b": ("5", "6")},))
    assert list(parted(answer)) == [
        "a and b always change together: no number of seeds shows which of them has the effect. Settings with each "
        "level of one and each level of the other would: a 1, 2; b 5, 6."
    ]


@pytest.mark.parametrize(("of_a", "turned_by", "others"), [  # the effect of a=2 at each level of the others
    (lambda b, c: (5.0 if b == 1 else -3.0) + (c == 2), {"b"}, {"b"}),
    (lambda b, c: (b == 1) - 1.0 * (b == 2) + 1.2 * (c == 1) - 1.2 * (c == 2), {"b", "c"}, set()),
])  # fmt: skip
def test_a_factor_that_reverses_a_sign_silences_the_levels_of_the_others(of_a, turned_by, others):
    """At b=2 a level of c would be a mean over b, which hides as much as the average does."""

    def value(seed, a, b, c):
        return (a == 2) * of_a(b, c) + noise(seed, a, b) + 0.01 * noise(seed, c, a)

    answer = designed({"a": [1, 2], "b": [1, 2], "c": [1, 2]}, value, seeds=8)
    assert set(effect(answer, AVERAGE, "a", 2, 1).turned_by) == turned_by
    assert {effect.other for effect in answer.effects if effect.kind == AT_LEVEL and effect.factor == "a"} == others
