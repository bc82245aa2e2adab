"""When a verdict falls: Holm over settings, declared looks, and what nobody cares about."""

import pytest
from comparisons import beside, compared

from seedpairs.data_types import ALONE, BETTER, CANNOT_TELL, NO_DIFFERENCE, WORSE, Contrast, Look
from seedpairs.rule import decide
from seedpairs.statistics import moments, student_p

NEAR = [1.0, 1.2, 0.8]  # p = 0.013
CLEAR = [1.0, 1.02, 0.98]  # p = 0.0001
QUIET = [0.0, 0.01, -0.01]


def test_holm_runs_over_the_settings():
    """Alone each of the three would be told; together the second fails at 0.05 / 2, and the third after it."""
    base = [0.0, 0.0, 0.0]
    table = {"base": base, "sure": [1.0, 1.01, 0.99], "fair": [1.0, 1.35, 0.65], "poor": [1.0, 1.38, 0.62]}
    together = compared(table)
    sure, fair, poor = together.values()
    for name, one in together.items():
        alone = compared({"base": base, name: table[name]})[name]
        assert (alone.verdict, alone.p) == (WORSE, one.p)
    assert [one.verdict for one in (sure, fair, poor)] == [WORSE, CANNOT_TELL, CANNOT_TELL]
    assert (sure.adjusted_p, fair.adjusted_p) == (3 * sure.p, 2 * fair.p)
    assert poor.adjusted_p == max(fair.adjusted_p, poor.p)
    assert [one.tested_level for one in (sure, fair, poor)] == pytest.approx([1 - 0.05 / 3, 0.975, 0.975])


def test_a_look_costs_its_share():
    assert beside(NEAR).verdict == WORSE
    one, third = beside(NEAR, looks=(3, 5)), beside(NEAR, looks=(3, 5, 10, 20))
    assert (one.verdict, one.adjusted_p, one.tested_level) == (WORSE, 2 * one.p, 0.975)
    assert (third.verdict, third.adjusted_p) == (CANNOT_TELL, 4 * third.p)
    noise = [1.0, -1.0, 0.2, -0.3, 0.4]
    assert beside(noise, looks=(5, 10, 20, 40)).more_seeds[0] > beside(noise).more_seeds[0] > 1


def test_no_verdict_precedes_the_first_look_or_changes_between_looks():
    one = beside(CLEAR, looks=(4, 8))
    assert (one.verdict, one.adjusted_p, one.tested_interval) == (CANNOT_TELL, None, None)
    assert one.p < 0.001
    assert "nothing is tested yet: the first look is at 4 seeds" in one.warnings
    between = beside([*NEAR, 1.0, 1.0, 1.0, 1.0], looks=(3, 8, 12, 20))
    assert (between.verdict, between.n) == (CANNOT_TELL, 3)
    later = "tested at 3 seeds; the 4 later ones decide nothing; the mean of all pairs is 1"
    assert later in between.warnings
    other = beside([*NEAR, 1.0, 1.0, 1.0, 5.0], looks=(3, 8, 12, 20))
    assert any("the mean of all pairs is 1.57" in warning for warning in other.warnings)
    assert between.tested_interval == beside(NEAR, looks=(3, 8, 12, 20)).tested_interval
    base, whole = dict.fromkeys("cabd", 0.0), {"d": 1.0, "a": 1.0, "b": 1.02, "c": 0.98}
    for seeds, verdict in ("dabc", WORSE), ("cad", CANNOT_TELL):  # a look is at the baseline's first seeds
        ours = {seed: whole[seed] for seed in seeds}
        assert compared({"base": base, "ours": ours}, looks=(3, 8))["ours"].verdict == verdict


def test_a_verdict_stays_and_names_its_look():
    """The first three tell; the later ones would hide it. What decided is shown."""
    later = [-9.0, 9.0]
    one, three = (beside(differences, looks=(3, 5)) for differences in (CLEAR + later, CLEAR))
    assert one.verdict == WORSE
    assert one.adjusted_p == pytest.approx(2 * beside(CLEAR).p)
    for name in ("n", "p", "mean_difference", "sd", "interval", "tested_interval"):
        assert getattr(one, name) == getattr(three, name)
    assert len(one.warnings) == len(three.warnings) + 1  # the later seeds
    assert len(one.differences) == 5
    assert beside(CLEAR + later).verdict == CANNOT_TELL
    none = beside([*QUIET, 50.0, 50.0], looks=(3, 5), smallest_difference=1.0)
    assert none.verdict == NO_DIFFERENCE
    assert none.tested_interval == beside(QUIET, looks=(3, 5)).tested_interval


def test_a_trial_lost_after_the_look_that_decides_changes_nothing():
    better = [-x for x in CLEAR]
    whole, lost = (beside([*better, -1.0, last], looks=(3, 5)) for last in (-1.0, None))
    assert (whole.verdict, lost.verdict, whole.look, lost.look) == (BETTER, BETTER, 0, 0)
    for name in ("n", "barred", "adjusted_p", "tested_interval", "interval"):
        assert getattr(lost, name) == getattr(whole, name)


def test_a_look_without_a_worst_value_stays_excluded_after_a_later_loss():
    better = [None, -1.0, -1.02, -0.98]
    (one,) = compared({"base": [0.0] * 4, "ours": better}, looks=(4, 6)).values()
    assert (one.verdict, one.barred) == (CANNOT_TELL, (BETTER, NO_DIFFERENCE))
    table = {"base": [0.0, 0.0, 0.0, 0.0, None, 0.0], "ours": [*better, -1.0, 9.0]}
    (then,) = compared(table, looks=(4, 6)).values()
    assert (then.verdict, then.look, then.barred) == (CANNOT_TELL, 1, ())  # by the second look alone: 9.0 hides all
    (told,) = compared(table | {"ours": [*better, -1.0, -1.01]}, looks=(4, 6)).values()
    assert (told.verdict, told.look, told.n) == (BETTER, 1, 4)


def test_the_smallest_p_so_far_counts_when_others_fall():
    """At the first look Holm holds the setting back; at the second the other one falls, and it is told by the first."""
    base = [0.0] * 5
    held = [1.0, 1.25, 0.75, -9.0, 1.0]  # p = 0.02 at the first look; the mean of all five is below 0
    other = [1.0, 2.0, 3.0, 2.0, 2.0]  # p = 0.07, then 0.003
    first = compared({"base": base[:3], "ours": held[:3], "other": other[:3]}, looks=(3, 5))
    assert [one.verdict for one in first.values()] == [CANNOT_TELL, CANNOT_TELL]
    then = compared({"base": base, "ours": held, "other": other}, looks=(3, 5))
    assert [one.verdict for one in then.values()] == [WORSE, WORSE]
    assert then["ours"].adjusted_p == 2 * first["ours"].p
    assert then["ours"].tested_interval == beside(held[:3], looks=(3, 5)).tested_interval
    late = beside([1.0, 1.4, 0.6, -0.4, 1.6], looks=(3, 5))  # a larger p at a later look changes nothing
    assert late.adjusted_p == 2 * beside([1.0, 1.4, 0.6], looks=(3, 5)).p < 2 * late.p


def test_trials_after_a_setting_has_stopped_do_not_affect_the_others():
    """The quiet one has stopped at the first look. Were its later p counted, the other one's step would be wider."""
    table = {"base": [0.0] * 12, "quiet": QUIET + [5.0] * 9, "other": [1.0, -1.0, 3.0, 2.0] * 3}
    ours, theirs = (compared(x, looks=(3, 12), smallest_difference=0.5) for x in (table, table | {"quiet": QUIET}))
    assert ours["quiet"].verdict == NO_DIFFERENCE
    assert 2 * student_p(moments(ours["quiet"].differences.values())) < ours["other"].p < 0.05
    assert ours["other"] == theirs["other"]


def test_it_is_the_tested_interval_that_has_to_lie_inside():
    """What lies inside what nobody cares about makes no difference, even if it is significant."""
    for clear, verdict in (CLEAR, WORSE), ([-x for x in CLEAR], BETTER):
        one = beside(clear, smallest_difference=1.2)
        assert one.p < 0.001
        assert (one.verdict, beside(clear, smallest_difference=1.01).verdict) == (NO_DIFFERENCE, verdict)
    assert beside([0.0, 0.001, -0.001]).verdict == CANNOT_TELL  # without a smallest difference none is too small
    half = beside(CLEAR).interval[1]
    assert beside(CLEAR, smallest_difference=half + 1e-9).verdict == NO_DIFFERENCE
    assert beside(CLEAR, looks=(3, 5), smallest_difference=half + 1e-9).verdict == WORSE
    assert beside(CLEAR, smallest_difference=half).verdict == WORSE  # below it nobody cares: it is not below


def test_a_worse_that_has_fallen_is_not_made_small_by_what_follows():
    """With another setting told at the second look, its first interval at the new level would lie inside."""
    ours = [1.0, 1.17, 0.83]  # p = 0.0095
    other = [1.0, 2.0, 3.0, 2.0, 2.0]  # p = 0.07, then 0.003
    smallest = beside(ours, looks=(3, 5)).tested_interval[1] + 1e-9  # inside at 0.975, not at 0.9875
    table = {"base": [0.0] * 5, "ours": ours, "other": other}
    early = {name: values[:3] for name, values in table.items()}
    first, then = (compared(x, looks=(3, 5), smallest_difference=smallest)["ours"] for x in (early, table))
    assert first.verdict == then.verdict == WORSE
    assert then.tested_interval == first.tested_interval


def test_a_barred_hypothesis_passes_no_level_to_others():
    clear, near = (Contrast(ALONE, at_looks=(Look(3, moments(x)),)) for x in ([1.0, 1.01, 0.99], [1.0, 1.35, 0.65]))
    told = decide([clear, near], 1, "lower", None)
    assert [one.verdict for one in told] == [WORSE, WORSE]
    at = clear.at_looks[0]._replace(lost=(0, 1))  # the baseline's worst value is missing, so no WORSE
    barred = decide([clear._replace(at_looks=(at,)), near], 1, "lower", None)
    assert [one.verdict for one in barred] == [CANNOT_TELL, CANNOT_TELL]
    assert barred[1].adjusted_p == 2 * student_p(near.at_looks[0].pairs)
