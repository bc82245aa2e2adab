"""Effects of factors if trials are lost, seeds are missing in a setting, or a look is not reached."""

import pytest
from comparisons import designed, effect, measured
from test_factors import TWO, noise, rising

from seedpairs import answered
from seedpairs.data_types import ALONE, AT_LEVEL, AVERAGE, CANNOT_TELL, INTERACTION, WORSE


def test_a_lost_trial_bars_the_verdicts_that_need_it():
    gone = (1, 2, 2)  # seed, a and b
    answer = designed(TWO, lambda *x: None if x == gone else float(x[1] == 1) + 3.0 * (x[1] == x[2]) + noise(*x))
    average = effect(answer, AVERAGE, "a", 2, 1)
    assert (average.n, average.p < 0.001) == (4, True)
    assert (average.verdict, average.mean_difference < 0) == (CANNOT_TELL, True)
    barred = "the verdict cannot be better or no difference that matters"
    assert average.warnings == (f"1 trial without a value; such seeds are missing here; {barred}",)
    assert effect(answer, INTERACTION, "a", 2, 1, 1, 2).verdict == CANNOT_TELL
    assert [effect for effect in answer.effects if effect.kind == AT_LEVEL] == []
    worse = designed(TWO, lambda *x: None if x == gone else rising(*x))
    assert effect(worse, AVERAGE, "a", 2, 1).verdict == WORSE


def test_a_trial_lost_after_the_look_that_decides_changes_no_effect():
    seeds = {"seeds": 5, "looks": (3, 5)}
    whole, lost = (designed(TWO, lambda *x, n=n: None if x == (n, 2, 2) else rising(*x), **seeds) for n in (9, 4))
    pairs = list(zip([*whole.effects, *whole.comparisons], [*lost.effects, *lost.comparisons], strict=True))
    early = [pair for pair in pairs if pair[0].look == 0]
    assert {one.kind for one, _ in early} == {AVERAGE, ALONE}
    for one, other in early:
        assert (other.verdict, other.n, other.barred, other.interval) == (one.verdict, one.n, (), one.interval)


def test_a_level_that_came_to_nothing_takes_no_other_effect_with_it():
    answer = designed({"a": [1, 2, 3], "b": [1, 2]}, lambda s, a, b: None if a == 3 else 20.0 * b + noise(s, a, b))
    assert effect(answer, AVERAGE, "b", 2, 1).verdict == WORSE
    assert {effect.level for effect in answer.effects if effect.factor == "a"} == {"2"}


def test_a_look_counts_once_all_settings_have_its_seeds():
    whole = designed(TWO, rising, seeds=5, looks=(5, 8))
    assert effect(whole, AVERAGE, "a", 2, 1).verdict == WORSE
    short = designed(TWO, rising, seeds=4, looks=(5, 8))
    assert {effect.verdict for effect in short.effects} == {CANNOT_TELL}
    assert effect(short, AVERAGE, "a", 2, 1).n == 4
    between = designed(TWO, noise, seeds=5, looks=(3, 6))
    for one in (effect(between, AVERAGE, "a", 2, 1), between.comparisons[0]):
        assert (one.verdict, one.n, len(one.differences)) == (CANNOT_TELL, 3, 5)
    assert {own.n for own in between.summaries} == {3}


def missing(value, *lost, **others):
    """Return the answer where the last setting was never trained with these seeds."""
    cells = {(a, b): {n: value(n, a, b) for n in range(5)} for a in (1, 2) for b in (1, 2)}
    for seed in lost:
        del cells[2, 2][seed]
    levels = {f"a={a} b={b}": {"a": f"{a}", "b": f"{b}"} for a, b in cells}
    return answered(measured(dict(zip(levels, cells.values(), strict=True)), "a=1 b=1", levels=levels, **others))


def test_a_seed_that_a_setting_lacks_is_left_out_of_all_and_bars_nothing():
    one = effect(missing(rising, 1), AVERAGE, "a", 2, 1)
    assert (list(one.differences), one.verdict, one.warnings) == ([0, 2, 3, 4], WORSE, ())
    early, late = (missing(rising, seed, looks=(3, 5)) for seed in (1, 4))  # a look is at the first seeds
    assert [effect(answer, AVERAGE, "a", 2, 1).verdict for answer in (early, late)] == [CANNOT_TELL, WORSE]
    assert {x.verdict for x in early.comparisons} == {CANNOT_TELL}  # all settings have the first seed alone


@pytest.mark.parametrize("lost", [(), (4,)])
def test_an_effect_beside_the_baseline_is_the_setting_by_itself(lost):
    """One difference is one hypothesis: it may not have two verdicts. A seed that a third setting lacks counts."""
    answer = missing(lambda seed, a, b: float(a != b) + noise(seed, a, b), *lost)  # each factor turns the other
    alone = {x.setting: x for x in answer.comparisons}["a=2 b=1"]
    at = effect(answer, AT_LEVEL, "a", 2, 1, 1)
    assert (at.n, at.verdict, effect(answer, AT_LEVEL, "a", 2, 1, 2).n) == (5, WORSE, 5 - len(lost))
    for name in ("verdict", "adjusted_p", "tested_level", "tested_interval", "mean_difference", "p", "n"):
        assert getattr(at, name) == getattr(alone, name)
