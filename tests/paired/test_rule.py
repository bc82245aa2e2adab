"""When a verdict falls: Holm over settings, declared looks, and what nobody cares about."""

import pytest
from compared import beside, compared

from paired.data_types import ALONE, BETTER, CANNOT_TELL, NO_DIFFERENCE, WORSE, Contrast
from paired.rule import decide
from paired.statistics import moments, student_p


def test_holm_runs_over_the_settings():
    """Alone each of the three would be told; together the second fails at 0.05 / 2, and the third after it."""
    base = [0.0, 0.0, 0.0]
    table = {"base": base, "sure": [1.0, 1.01, 0.99], "fair": [1.0, 1.35, 0.65], "poor": [1.0, 1.38, 0.62]}
    together = compared(table)
    for name in ("sure", "fair", "poor"):
        alone = compared({"base": base, name: table[name]})[name]
        assert alone.verdict == WORSE
        assert alone.p == together[name].p
    assert [each.verdict for each in together.values()] == [WORSE, CANNOT_TELL, CANNOT_TELL]
    assert together["sure"].adjusted_p == 3 * together["sure"].p
    assert together["fair"].adjusted_p == 2 * together["fair"].p
    assert together["poor"].adjusted_p == max(together["fair"].adjusted_p, together["poor"].p)
    assert [each.tested_level for each in together.values()] == pytest.approx([1 - 0.05 / 3, 0.975, 0.975])


NEAR = [1.0, 1.2, 0.8]  # p = 0.013
CLEAR = [1.0, 1.02, 0.98]  # p = 0.0001


def test_a_look_costs_its_share():
    assert beside(NEAR).verdict == WORSE
    one = beside(NEAR, looks=(3, 5))
    assert one.verdict == WORSE
    assert one.adjusted_p == 2 * one.p
    assert one.tested_level == 0.975
    third = beside(NEAR, looks=(3, 5, 10, 20))
    assert third.verdict == CANNOT_TELL
    assert third.adjusted_p == 4 * third.p


def test_more_looks_need_more_seeds():
    noise = [1.0, -1.0, 0.2, -0.3, 0.4]
    assert beside(noise, looks=(5, 10, 20, 40)).more_seeds[0] > beside(noise).more_seeds[0] > 1


def test_before_the_first_look_nothing_is_told():
    one = beside(CLEAR, looks=(4, 8))
    assert one.verdict == CANNOT_TELL
    assert one.adjusted_p is one.tested_interval is None
    assert one.p < 0.001
    assert "the first look is at 4 seeds" in one.warnings


def test_a_look_counts_the_baselines_first_seeds():
    base = {"c": 0.0, "a": 0.0, "b": 0.0, "d": 0.0}
    whole = {"d": 1.0, "a": 1.0, "b": 1.02, "c": 0.98}
    assert compared({"base": base, "ours": whole}, looks=(3, 8))["ours"].verdict == WORSE
    gap = {seed: whole[seed] for seed in "cad"}
    assert compared({"base": base, "ours": gap}, looks=(3, 8))["ours"].verdict == CANNOT_TELL


def test_what_has_fallen_stays_and_says_by_which_look():
    """The first three tell; the later ones would hide it. What decided is shown, and what came later apart from it."""
    later = [-9.0, 9.0]
    one, three = beside(CLEAR + later, looks=(3, 5)), beside(CLEAR, looks=(3, 5))
    assert one.verdict == WORSE
    assert one.adjusted_p == pytest.approx(2 * beside(CLEAR).p)
    for name in ("n", "p", "mean_difference", "sd", "interval", "tested_interval", "warnings"):
        assert getattr(one, name) == getattr(three, name)
    assert three.later is None
    assert (one.later.n, one.later.mean_difference) == (5, pytest.approx(0.6))
    assert one.later.interval[0] < 0 < one.later.interval[1]
    assert beside(CLEAR + later).verdict == CANNOT_TELL


def test_the_smallest_p_so_far_counts_when_others_fall():
    """At the first look Holm holds the setting back; at the second the other one falls, and it is told by the first."""
    base = [0.0] * 5
    held = [1.0, 1.25, 0.75, -9.0, 1.0]  # p = 0.02 at the first look; the mean of all five is below 0
    other = [1.0, 2.0, 3.0, 2.0, 2.0]  # p = 0.07, then 0.003
    first = compared({"base": base[:3], "ours": held[:3], "other": other[:3]}, looks=(3, 5))
    assert [each.verdict for each in first.values()] == [CANNOT_TELL, CANNOT_TELL]
    then = compared({"base": base, "ours": held, "other": other}, looks=(3, 5))
    assert [each.verdict for each in then.values()] == [WORSE, WORSE]
    assert then["ours"].adjusted_p == 2 * first["ours"].p
    assert then["ours"].tested_interval == beside(held[:3], looks=(3, 5)).tested_interval


def test_a_larger_p_at_a_later_look_changes_nothing():
    early = beside([1.0, 1.4, 0.6], looks=(3, 5))
    late = beside([1.0, 1.4, 0.6, -0.4, 1.6], looks=(3, 5))
    assert early.p < late.p < 2 * early.p
    assert late.adjusted_p == early.adjusted_p == 2 * early.p


def test_what_comes_after_a_setting_has_stopped_changes_nothing_for_the_others():
    """The quiet one has stopped at the first look. Were its later p counted, the other one's step would be wider."""
    quiet, loud = [0.0, 0.01, -0.01], [5.0] * 9
    table = {"base": [0.0] * 12, "quiet": quiet + loud, "other": [1.0, -1.0, 3.0, 2.0] * 3}
    ours, theirs = (
        compared(each, looks=(3, 12), smallest_difference=0.5) for each in (table, table | {"quiet": quiet})
    )
    assert ours["quiet"].verdict == NO_DIFFERENCE
    assert 2 * student_p(moments(ours["quiet"].differences.values())) < ours["other"].p < 0.05
    assert ours["other"] == theirs["other"]


def test_between_looks_nothing_new_is_told():
    one = beside([*NEAR, 1.0, 1.0, 1.0, 1.0], looks=(3, 8, 12, 20))
    assert one.verdict == CANNOT_TELL
    assert one.n == 7
    assert one.tested_interval == beside(NEAR, looks=(3, 8, 12, 20)).tested_interval


def test_inside_what_nobody_cares_about_even_if_significant():
    one = beside(CLEAR, smallest_difference=1.2)
    assert one.p < 0.001
    assert one.verdict == NO_DIFFERENCE
    assert beside(CLEAR, smallest_difference=1.01).verdict == WORSE
    assert beside([-x for x in CLEAR], smallest_difference=1.2).verdict == NO_DIFFERENCE
    assert beside([-x for x in CLEAR], smallest_difference=1.01).verdict == BETTER


def test_without_a_smallest_difference_none_is_too_small():
    assert beside([0.0, 0.001, -0.001]).verdict == CANNOT_TELL
    assert beside([0.0, 0.001, -0.001], smallest_difference=1.0).verdict == NO_DIFFERENCE


def test_it_is_the_tested_interval_that_has_to_lie_inside():
    half = beside(CLEAR).interval[1]
    assert beside(CLEAR, smallest_difference=half + 1e-9).verdict == NO_DIFFERENCE
    assert beside(CLEAR, looks=(3, 5), smallest_difference=half + 1e-9).verdict == WORSE
    assert beside(CLEAR, smallest_difference=half).verdict == WORSE  # below it nobody cares: it is not below


def test_no_difference_that_matters_stays_too():
    quiet = [0.0, 0.01, -0.01]
    one = beside([*quiet, 50.0, 50.0], looks=(3, 5), smallest_difference=1.0)
    assert one.verdict == NO_DIFFERENCE
    assert one.tested_interval == beside(quiet, looks=(3, 5)).tested_interval


def test_a_worse_that_has_fallen_is_not_made_small_by_what_follows():
    """With another setting told at the second look, its first interval at the new level would lie inside."""
    base = [0.0] * 5
    ours = [1.0, 1.17, 0.83]  # p = 0.0095
    other = [1.0, 2.0, 3.0, 2.0, 2.0]  # p = 0.07, then 0.003
    smallest = beside(ours, looks=(3, 5)).tested_interval[1] + 1e-9  # inside at 0.975, not at 0.9875
    table = {"base": base, "ours": ours, "other": other}
    early = {name: values[:3] for name, values in table.items()}
    first, then = (compared(each, looks=(3, 5), smallest_difference=smallest) for each in (early, table))
    assert first["ours"].verdict == then["ours"].verdict == WORSE
    assert then["ours"].tested_interval == first["ours"].tested_interval


def test_what_may_not_be_said_at_all_leaves_no_share_to_others():
    clear, near = (Contrast(ALONE, at_looks=(moments(x),)) for x in ([1.0, 1.01, 0.99], [1.0, 1.35, 0.65]))
    told = decide([clear, near], 1, "lower", None)
    assert [each.verdict for each in told] == [WORSE, WORSE]
    for excluded in ({BETTER, WORSE}, {WORSE}):  # a side that has lost trials may be said to be better alone
        barred = decide([clear._replace(barred=excluded), near], 1, "lower", None)
        assert [each.verdict for each in barred] == [CANNOT_TELL, CANNOT_TELL]
        assert barred[1].adjusted_p == 2 * student_p(near.at_looks[0])
