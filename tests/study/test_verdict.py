"""What a comparison says: of whom, when, and when it says nothing."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charloom.study.answer import BETTER, CANNOT_TELL, NO_DIFFERENCE, WORSE
from charloom.study.measured import Measured, Measurement
from charloom.study.verdict import answered

OPPOSITE = {BETTER: WORSE, WORSE: BETTER, NO_DIFFERENCE: NO_DIFFERENCE, CANNOT_TELL: CANNOT_TELL}


def trials(values):
    """Return them by seed; None has diverged."""
    by_seed = values if isinstance(values, dict) else dict(enumerate(values))
    return {seed: x if isinstance(x, Measurement) else Measurement(x, x is None) for seed, x in by_seed.items()}


def measured(settings, baseline="base", better="lower", curves=None, **others):
    return Measured("loss", better, baseline, {name: trials(x) for name, x in settings.items()}, curves or {}, **others)


def compared(settings, **others):
    """Return the comparisons by setting."""
    return {each.setting: each for each in answered(measured(settings, **others)).comparisons}


def beside(differences, looks=(), base=None, **others):
    """Return the comparison of a setting that differs so from its baseline."""
    base = base or [10.0 * i for i in range(len(differences))]
    ours = [None if x is None else b + x for b, x in zip(base, differences, strict=False)]
    return compared({"base": base, "ours": ours}, looks=looks, **others)["ours"]


def test_a_difference_is_the_settings_value_minus_the_baselines_of_the_same_seed():
    one = compared({"base": {1: 10.0, 2: 20.0, "x": 30.0}, "ours": {"x": 27.0, 2: 18.0, 1: 9.0}})["ours"]
    assert one.differences == {1: -1.0, 2: -2.0, "x": -3.0}
    assert (one.n, one.mean_difference, one.sd) == (3, -2.0, 1.0)
    t = 2 * math.sqrt(3)
    assert one.p == one.adjusted_p == pytest.approx(1 - t / math.sqrt(t * t + 2))
    assert one.interval == one.tested_interval
    assert one.tested_level == 0.95
    assert one.verdict == CANNOT_TELL
    assert one.more_seeds[0] >= 1


@pytest.mark.parametrize("better", ["lower", "higher"])
def test_better_and_worse_are_by_the_measure(better):
    below = beside([-1.0, -1.1, -0.9], better=better)
    above = beside([1.0, 1.1, 0.9], better=better)
    assert (below.verdict, above.verdict) == ((BETTER, WORSE) if better == "lower" else (WORSE, BETTER))
    assert below.more_seeds is above.more_seeds is None


def test_an_answer_repeats_what_was_asked_and_shows_every_setting():
    asked = measured(
        {"a": [1.0, 2.0], "base": [1.0, 3.0, 5.0], "b": [Measurement(4.0, exploded=True), None]},
        looks=(2, 3), smallest_difference=0.5, target="loss below 2", budget=100, warnings=("read by hand",),
    )  # fmt: skip
    answer = answered(asked)
    assert answer[:6] == ("loss", "lower", "base", (2, 3), 0.5, "loss below 2")
    assert answer.warnings == ("read by hand",)
    assert [each.setting for each in answer.summaries] == ["a", "base", "b"]
    assert [each.setting for each in answer.comparisons] == ["a", "b"]
    base, b = answer.summaries[1:]
    assert (base.trials, base.n, base.mean, base.sd, base.exploded) == (3, 3, 3.0, 2.0, 0)
    half = 0.95 * math.sqrt(2 / (1 - 0.95**2)) * 2 / math.sqrt(3)
    assert base.interval == pytest.approx((3 - half, 3 + half))
    assert (b.trials, b.n, b.mean, b.sd, b.interval, b.exploded) == (2, 1, 4.0, None, None, 2)


# Two hypotheses about any table: what may not matter, and what has to turn with it.
VALUES = st.lists(st.integers(-50, 50).map(float), min_size=2, max_size=5)
TABLES = st.fixed_dictionaries({"base": VALUES, "a": VALUES, "b": VALUES})


def numbers(one):
    return one[1:2] + one[3:]


@given(TABLES, st.randoms(), st.sampled_from([None, 5.0]))
def test_the_order_of_settings_and_seeds_is_all_one(table, random, smallest):
    shuffled = {}
    for name in random.sample(sorted(table), 3):
        by_seed = list(enumerate(table[name]))
        shuffled[name] = dict(random.sample(by_seed, len(by_seed)))
    ours, theirs = (compared(each, smallest_difference=smallest) for each in (table, shuffled))
    for name in ("a", "b"):
        assert ours[name].verdict == theirs[name].verdict
        assert ours[name].tested_level == theirs[name].tested_level
        assert (ours[name].p is None) == (theirs[name].p is None)
        if ours[name].p is not None:
            assert ours[name].adjusted_p == pytest.approx(theirs[name].adjusted_p, rel=1e-9)
            assert ours[name].interval == pytest.approx(theirs[name].interval, rel=1e-9)
        assert ours[name].differences == theirs[name].differences


@given(TABLES, st.sampled_from([-40, -3, 5, 60]))
def test_units_are_all_one(table, power):
    scaled = {name: [math.ldexp(x, power) for x in values] for name, values in table.items()}
    ours, theirs = (
        compared(table, smallest_difference=5.0),
        compared(scaled, smallest_difference=math.ldexp(5.0, power)),
    )
    for name in ("a", "b"):
        assert ours[name].verdict == theirs[name].verdict
        assert ours[name].p == theirs[name].p
        assert ours[name].more_seeds == theirs[name].more_seeds


@given(st.tuples(VALUES, VALUES), st.sampled_from([None, 5.0]))
def test_setting_and_baseline_changed_about_say_the_opposite(both, smallest):
    table = dict(zip(("base", "ours"), both, strict=True))
    one = compared(table, smallest_difference=smallest)["ours"]
    other = compared(table, smallest_difference=smallest, baseline="ours")["base"]
    mirrored = compared(table, smallest_difference=smallest, better="higher")["ours"]
    assert other.verdict == mirrored.verdict == OPPOSITE[one.verdict]
    assert other.mean_difference == -one.mean_difference
    assert other.more_seeds == one.more_seeds
    if one.interval is not None:
        assert other.interval == (-one.interval[1], -one.interval[0])


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
    """The first three tell; the later ones would hide it. What is shown is all, what is tested those three."""
    later = [-9.0, 9.0]
    one = beside(CLEAR + later, looks=(3, 5))
    assert one.verdict == WORSE
    assert one.n == 5
    assert one.p > 0.5
    assert one.adjusted_p == pytest.approx(2 * beside(CLEAR).p)
    assert one.tested_interval == beside(CLEAR, looks=(3, 5)).tested_interval
    assert "tested on the first 3 seeds; the 2 after them are shown alone" in one.warnings
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
    assert 2 * ours["quiet"].p < ours["other"].p < 0.05
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


def test_diverged_trials_bar_what_they_would_have_spoken_against():
    base = [0.0] * 6
    better, worse = [-1.0, -1.02, -0.98, -1.0, -1.01], [1.0, 1.02, 0.98, 1.0, 1.01]
    for lost in ({"base": base, "ours": [*better, None]}, {"base": [*base[:5], None], "ours": [*worse, 1.0]}):
        one = compared(lost)["ours"]
        assert one.p < 1e-6
        assert (one.verdict, one.more_seeds) == (CANNOT_TELL, (1, None))
        assert compared(lost, smallest_difference=9.0)["ours"].verdict == CANNOT_TELL
    assert compared({"base": base, "ours": [*worse, None]})["ours"].verdict == WORSE
    assert compared({"base": [*base[:5], None], "ours": [*better, 1.0]})["ours"].verdict == BETTER
    even = {"base": [None, *base[1:]], "ours": [*better, None]}
    assert compared(even)["ours"].verdict == BETTER
    assert compared(even, smallest_difference=9.0)["ours"].verdict == NO_DIFFERENCE


def test_diverged_trials_are_named():
    one = compared({"base": [0.0] * 4, "ours": [1.0, None, 2.0, None]})["ours"]
    assert one.n == 2
    assert one.warnings == (
        "2 of 4 diverged, and 0 of 4 in the baseline; their pairs are missing: "
        "neither better nor no difference that matters can be said",
    )
    even = compared({"base": [0.0, None, 0.0, 0.0], "ours": [None, 1.0, 2.0, 3.0]})["ours"]
    assert even.warnings == ("1 of 4 diverged, and 1 of 4 in the baseline; their pairs are missing",)


def test_a_number_that_is_none_has_diverged():
    one = compared({"base": [0.0] * 3, "ours": [math.nan, math.inf, -1e301]})["ours"]
    assert one.n == 0
    assert any(each.startswith("3 of 3 diverged") for each in one.warnings)


def test_explosions_with_a_value_stay_in_and_are_counted():
    exploded = [Measurement(9.0, exploded=True)] * 4
    answer = answered(measured({"base": [1.0] * 5, "ours": [*exploded, 1.0]}))
    one = answer.comparisons[0]
    assert (one.n, answer.summaries[1].exploded) == (5, 4)
    assert one.exploded_p == pytest.approx(22 / 1024)
    assert any("exploded" in each for each in one.warnings)
    assert beside([1.0, 2.0]).exploded_p is None


def reached(*updates):
    return [Measurement(1.0, reached=update) for update in updates]


def test_a_target_never_reached_counts_with_the_whole_budget():
    table = {"base": reached(50, 60, None, 90), "ours": reached(40, 50, 95, 170)}
    answer = answered(measured(table, target="loss below 2", budget=100))
    base, ours = answer.summaries
    assert (base.reached, base.mean_time) == (3, 75.0)
    assert (ours.reached, ours.mean_time) == (4, 71.25)
    low, high = answer.comparisons[0].time_interval
    assert (low + high) / 2 == pytest.approx(-3.75)  # of −10, −10, −5 and 10
    without = answered(measured(table, target="loss below 2"))
    assert without.summaries[0].mean_time is without.comparisons[0].time_interval is None
    assert answered(measured(table, budget=100)).comparisons[0].time_interval is None


def test_a_diverged_trial_has_not_reached_the_target():
    answer = answered(measured({"base": reached(50, 60), "ours": [None, None]}, target="x", budget=100))
    assert answer.summaries[1].mean_time == 100.0
    assert answer.comparisons[0].time_interval == pytest.approx((45 - 63.53, 45 + 63.53), abs=0.01)


def test_bands_are_paired_at_updates_that_all_pairs_have():
    curves = {"smooth loss": {
        "base": {0: {0: 5.0, 100: 4.0, 200: 3.0}, 1: {0: 6.0, 100: 5.0, 200: 4.0}, 2: {0: 0.0}},
        "ours": {1: {0: 7.0, 100: 8.0, 200: math.inf}, 0: {0: 5.0, 100: 5.0, 200: 1.0, 300: 1.0}, 2: {0: 0.0}},
    }}  # fmt: skip
    answer = answered(measured({"base": [1.0, 2.0, 3.0], "ours": [1.0, 2.0, None], "none": [1.0]}, curves=curves))
    band = answer.bands["smooth loss"]["ours"]
    assert (band.updates, band.means) == ([0, 100], [0.5, 2.0])
    half = math.tan(0.95 * math.pi / 2) / 2
    assert band.intervals == [pytest.approx((0.5 - half, 0.5 + half)), pytest.approx((2 - 2 * half, 2 + 2 * half))]
    assert set(answer.bands["smooth loss"]) == {"ours"}


def test_seeds_without_a_partner_are_left_out_and_counted():
    one = compared({"base": [0.0] * 4, "ours": {2: 1.0, 3: 2.0, 4: 9.0}})["ours"]
    assert one.differences == {2: 1.0, 3: 2.0}
    assert "3 seeds not on both sides, left out" in one.warnings
    going_on = compared({"base": [0.0] * 9, "ours": CLEAR}, looks=(3, 9))["ours"]
    assert going_on.warnings == ()


def test_one_pair_that_makes_the_difference_is_named():
    assert any("seed 4 alone" in each for each in beside([-0.12, -0.08, -0.1, -0.09, -2.0]).warnings)
    assert any("seed 2 alone" in each for each in beside([0.1, -0.1, 5.0, 0.05, -0.02]).warnings)
    assert beside([-1.0, -2.0, -1.5, -1.8, -1.2]).warnings == ()
    assert beside([1.0, -1.0, 1.1, -0.9, 0.3]).warnings == ()  # half of next to nothing


def test_equal_differences_are_a_point_and_a_question():
    one = beside([-0.5, -0.5, -0.5], base=[1.0, 2.0, 4.0])
    assert one.interval == one.tested_interval == (-0.5, -0.5)
    assert one.verdict == BETTER
    assert any("all differences are equal" in each for each in one.warnings)
    same = beside([0.0, 0.0, 0.0])
    assert (same.verdict, same.more_seeds) == (CANNOT_TELL, (1, None))
    assert beside([0.0, 0.0, 0.0], smallest_difference=0.1).verdict == NO_DIFFERENCE
    assert beside([-0.5, -0.5], base=[1.0, 2.0]).verdict == CANNOT_TELL  # rounded values agree by chance


def test_fewer_than_two_pairs_tell_nothing():
    for few in ([], [1.0]):
        one = beside(few)
        assert (one.verdict, one.interval, one.p, one.more_seeds) == (CANNOT_TELL, None, None, (1, None))
        assert f"{len(few)} pair{'s' * (not few)} of the same seed: a comparison needs two" in one.warnings
    empty = compared({"base": [], "ours": [1.0, 2.0]})["ours"]
    assert (empty.n, empty.verdict) == (0, CANNOT_TELL)


ANY = st.floats() | st.none() | st.sampled_from([0.0, 1.0, 1.0 + 2**-52, 5e-324, 1e300, -1e300])
TRIAL = st.builds(Measurement, ANY, st.booleans(), st.none() | st.integers(0, 99))
MESS = st.dictionaries(st.integers(0, 8), TRIAL, max_size=9)


@given(st.fixed_dictionaries({"base": MESS, "a": MESS, "b": MESS}), st.sampled_from([(), (2, 4), (1, 3, 9)]),
       st.sampled_from([None, 1e-320, 0.5, 1e308]))  # fmt: skip
def test_whatever_the_numbers_the_answer_holds_numbers(table, looks, smallest):
    """No warning, which pytest makes an error, no NaN, nothing infinite: JSON takes it all."""
    curves = {name: {seed: {0: t.value or 0.0, 1: 1.0} for seed, t in each.items()} for name, each in table.items()}
    asked = measured(table, looks=looks, smallest_difference=smallest, curves={"c": curves}, target="x", budget=50)
    answer = answered(asked)
    json.dumps(answer, allow_nan=False)
    for one in answer.comparisons:
        assert (one.more_seeds is None) == (one.verdict != CANNOT_TELL)
        if one.more_seeds is not None:
            assert 1 <= one.more_seeds[0] <= (one.more_seeds[1] or one.more_seeds[0])
