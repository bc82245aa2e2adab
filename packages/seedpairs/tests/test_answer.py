"""What a comparison says: of whom, when, and when it says nothing."""

import json
import math
from dataclasses import replace

import pytest
from comparisons import beside, compared, measured
from hypothesis import given
from hypothesis import strategies as st

from seedpairs import answered
from seedpairs.data_types import BETTER, CANNOT_TELL, NO_DIFFERENCE, WORSE, Measurement
from seedpairs.sentences import comparisons, difference_lines

VALUES = st.lists(st.integers(-50, 50).map(float), min_size=2, max_size=5)
ANY = st.floats() | st.none() | st.sampled_from([0.0, 1.0, 1.0 + 2**-52, 5e-324, 1e150, -1e150])
TRIAL = st.builds(Measurement, ANY, st.booleans(), st.none() | st.integers(0, 99))
MESS = st.dictionaries(st.integers(0, 8), TRIAL, max_size=9)
LOST = "{} of {} pairs missing: no value in {} trial{}, and in {} of the baseline"
BARRED = "; the verdict cannot be better or no difference that matters"
EXPLODED = "trials that exploded dominate mean and spread: compare the numbers of explosions"
OPPOSITE = {BETTER: WORSE, WORSE: BETTER, NO_DIFFERENCE: NO_DIFFERENCE, CANNOT_TELL: CANNOT_TELL}


def test_a_difference_is_setting_minus_baseline_at_the_same_seed():
    one = compared({"base": {1: 10.0, 2: 20.0, "x": 30.0}, "ours": {"x": 27.0, 2: 18.0, 1: 9.0}})["ours"]
    assert one.differences == {1: -1.0, 2: -2.0, "x": -3.0}
    assert (one.n, one.mean_difference, one.sd) == (3, -2.0, 1.0)
    t = 2 * math.sqrt(3)
    assert one.p == one.adjusted_p == pytest.approx(1 - t / math.sqrt(t * t + 2))
    assert one.interval == one.tested_interval
    assert (one.tested_level, one.verdict) == (0.95, CANNOT_TELL)
    assert one.more_seeds[0] >= 1


def test_parts_that_agree_with_the_difference_are_counted_and_decide_nothing():
    def trials(*parts):
        return [Measurement(sum(values) / len(values), parts=values) for values in parts]

    base, ours = trials((4.0, 4.0, 4.0, 4.0), (5.0, 5.0, 5.0, 5.0)), trials((1.0, 3.0, 5.0, 3.0), (2.0, 6.0, 5.0, 4.0))
    answer = answered(measured({"base": base, "ours": ours}, part="passages"))
    (one,) = answer.comparisons
    assert one.parts == (2, 4)  # lower in the first and the fourth; equal on the whole in the second
    assert "lower in 2 of 4 passages; only the seeds decide" in difference_lines(one, answer)
    without = answered(measured({"base": [4.0, 5.0], "ours": [3.0, 4.25]})).comparisons[0]
    assert one._replace(parts=None) == without
    missing = measured({"base": base, "ours": [ours[0], Measurement(4.25)]})
    assert answered(missing).comparisons[0].parts is None


def test_better_and_worse_are_by_the_measure():
    for better, verdicts in ("lower", (BETTER, WORSE)), ("higher", (WORSE, BETTER)):
        both = [beside([sign * x for x in (1.0, 1.1, 0.9)], better=better) for sign in (-1, 1)]
        assert [(one.verdict, one.more_seeds) for one in both] == [(verdict, None) for verdict in verdicts]


def test_an_answer_repeats_what_was_asked_and_shows_every_setting():
    asked = measured(
        {"a": [1.0, 2.0], "base": [1.0, 3.0, 5.0], "b": [Measurement(4.0, exploded=True), None]},
        looks=(2, 3), smallest_difference=0.5, target="loss below 2", budget=100, warnings=("read by hand",),
    )  # fmt: skip
    answer = answered(asked)
    assert {name: getattr(answer, name) for name in vars(asked)} == vars(asked) | {"settings": answer.settings}
    assert [own.setting for own in answer.summaries] == ["a", "base", "b"]
    assert [own.setting for own in answer.comparisons] == ["a", "b"]
    base, b = answered(replace(asked, looks=())).summaries[1:]
    assert (base.trials, base.n, base.mean, base.sd, base.exploded) == (3, 3, 3.0, 2.0, 0)
    half = 0.95 * math.sqrt(2 / (1 - 0.95**2)) * 2 / math.sqrt(3)
    assert base.interval == pytest.approx((3 - half, 3 + half))
    assert answer.summaries[1][1:5] == (2, 2, 2.0, math.sqrt(2))  # at the look at two seeds, the last one reached
    assert (b.trials, b.n, b.mean, b.sd, b.interval, b.exploded) == (2, 1, 4.0, None, None, 2)


@given(st.tuples(VALUES, VALUES), st.sampled_from([None, 5.0]))
def test_setting_and_baseline_changed_about_say_the_opposite(both, smallest):
    table = dict(zip(("base", "ours"), both, strict=True))
    one = compared(table, smallest_difference=smallest)["ours"]
    other = compared(table, smallest_difference=smallest, baseline="ours")["base"]
    mirrored = compared(table, smallest_difference=smallest, better="higher")["ours"]
    assert other.verdict == mirrored.verdict == OPPOSITE[one.verdict]
    assert (other.mean_difference, other.more_seeds) == (-one.mean_difference, one.more_seeds)
    if one.interval is not None:
        assert other.interval == (-one.interval[1], -one.interval[0])


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


@pytest.mark.parametrize(("base", "ours", "pairs", "warning"), [
    ([0.0] * 4, [1.0, None, 2.0, None], 2, LOST.format(2, 4, 2, "s", 0) + BARRED),
    ([0.0, None, 0.0, 0.0], [None, 1.0, 2.0, 3.0], 2, LOST.format(2, 4, 1, "", 1)),  # as many lost on both sides
    ([0.0] * 3, [math.nan, math.inf, -1e151], 0, LOST.format(3, 3, 3, "s", 0) + BARRED),  # numbers that are no result
    ([1.0] * 5, [*[Measurement(9.0, exploded=True)] * 4, 1.0], 5, EXPLODED),  # with a value they stay in
    ([0.0] * 4, {2: 1.0, 3: 2.0, 4: 9.0}, 2, "3 seeds on one side only, left out"),
])  # fmt: skip
def test_values_without_a_partner_are_named(base, ours, pairs, warning):
    one = compared({"base": base, "ours": ours})["ours"]
    assert (one.n, one.warnings) == (pairs, (warning,))


def test_trials_and_pairs_are_counted_apart():
    """A setting's trial without a partner is a trial, but no pair."""
    answer = answered(measured({"base": [0.0] * 5, "ours": [1.0, None, 2.0, 3.0, 4.0, 5.0]}))
    ((_, lines),) = comparisons(answer)
    assert lines[-3:] == [
        "exploded: 1 of 6, baseline 0 of 5",
        "warning: 1 seed on one side only, left out",
        f"warning: {LOST.format(1, 5, 1, '', 0)}{BARRED}",
    ]


def test_a_target_never_reached_counts_with_the_whole_budget():
    def reached(*updates):
        return [Measurement(1.0, reached=update) for update in updates]

    table = {"base": reached(50, 60, None, 90), "ours": reached(40, 50, 95, 170)}
    answer = answered(measured(table, target="loss below 2", budget=100))
    base, ours = answer.summaries
    assert (base.reached, base.mean_time, ours.reached, ours.mean_time) == (3, 75.0, 4, 71.25)
    low, high = answer.comparisons[0].time_interval
    assert (low + high) / 2 == pytest.approx(-3.75)  # of −10, −10, −5 and 10
    without = answered(measured(table, target="loss below 2"))
    assert without.summaries[0].mean_time is without.comparisons[0].time_interval is None
    assert answered(measured(table, budget=100)).comparisons[0].time_interval is None
    diverged = answered(measured({"base": reached(50, 60), "ours": [None, None]}, target="x", budget=100))
    assert diverged.summaries[1].mean_time == 100.0


def test_bands_are_paired_at_updates_that_all_pairs_have():
    one, nan, inf = {0: 0.0}, math.nan, math.inf
    curves = {"smooth loss": {
        "base": {0: {0: 5.0, 100: 4.0, 200: 3.0, 300: 2.0}, 1: {0: 6.0, 100: 5.0, 200: 4.0, 300: nan}, 2: one},
        "ours": {1: {0: 7.0, 100: 8.0, 200: inf, 300: 1.0}, 0: {0: 5.0, 100: 5.0, 200: 1.0, 300: 1.0}, 2: one},
        "one pair": {0: {0: 1.0}},
    }}  # fmt: skip
    table = {"base": [1.0, 2.0, 3.0], "ours": [1.0, 2.0, None], "none": [1.0], "one pair": [1.0]}
    answer = answered(measured(table, curves=curves))
    band = answer.bands["smooth loss"]["ours"]
    assert (band.updates, band.means) == ([0, 100], [0.5, 2.0])
    half = math.tan(0.95 * math.pi / 2) / 2
    assert band.intervals == [pytest.approx((0.5 - half, 0.5 + half)), pytest.approx((2 - 2 * half, 2 + 2 * half))]
    assert set(answer.bands["smooth loss"]) == {"ours"}


@pytest.mark.parametrize(
    ("differences", "seed"),
    [([-0.12, -0.08, -0.1, -0.09, -2.0], 4), ([0.1, -0.1, 5.0, 0.05, -0.02], 2), ([-1.0, -2.0, -1.5, -1.8, -1.2], None),
     ([1.0, -1.0, 1.1, -0.9, 0.3], None),  # half of next to nothing
     ([-1.0, -1.0, -1.0, -1.0, 4.0], None)],  # and there is none
)  # fmt: skip
def test_one_pair_that_makes_the_difference_is_named(differences, seed):
    named = () if seed is None else (f"seed {seed} alone contributes half of the difference or more",)
    assert beside(differences).warnings == named


def test_equal_differences_are_a_point_and_a_question():
    one = beside([-0.5, -0.5, -0.5], base=[1.0, 2.0, 4.0])
    assert (one.interval, one.tested_interval, one.verdict) == ((-0.5, -0.5), (-0.5, -0.5), BETTER)
    assert any("all differences are equal" in line for line in one.warnings)
    same = beside([0.0, 0.0, 0.0])
    assert (same.verdict, same.more_seeds) == (NO_DIFFERENCE, None)  # a copy, whatever the smallest difference
    assert beside([0.0, 0.0, 0.0], smallest_difference=0.1).verdict == NO_DIFFERENCE
    assert beside([0.0, 0.0]).verdict == CANNOT_TELL
    assert beside([-0.5, -0.5], base=[1.0, 2.0]).verdict == CANNOT_TELL  # rounded values agree by chance
    assert beside([0.04, 0.04], base=[0.71, 0.26]).verdict == CANNOT_TELL  # 0.75 − 0.71 and 0.30 − 0.26


def test_fewer_than_two_pairs_have_no_verdict_and_a_stopped_setting_lacks_no_pair():
    for one in (beside([]), beside([1.0]), compared({"base": [], "ours": [1.0, 2.0]})["ours"]):
        assert (one.verdict, one.interval, one.p, one.more_seeds) == (CANNOT_TELL, None, None, (1, None))
    assert compared({"base": [0.0] * 9, "ours": [1.0, 1.02, 0.98]}, looks=(3, 9))["ours"].warnings == ()


@given(st.fixed_dictionaries({"base": MESS, "a": MESS, "b": MESS}), st.sampled_from([(), (2, 4), (1, 3, 9)]),
       st.sampled_from([None, 1e-320, 0.5, 1e308]))  # fmt: skip
def test_an_analysis_of_any_numbers_contains_numbers(table, looks, smallest):
    """No warning, which pytest makes an error, no NaN, nothing infinite: JSON takes it all."""
    curves = {name: {seed: {0: t.value or 0.0, 1: 1.0} for seed, t in own.items()} for name, own in table.items()}
    asked = measured(table, looks=looks, smallest_difference=smallest, curves={"c": curves}, target="x", budget=50)
    answer = answered(asked)
    json.dumps(vars(replace(answer, settings={}, curves={})), allow_nan=False)
    for one in answer.comparisons:
        assert (one.more_seeds is None) == (one.verdict != CANNOT_TELL)
        if one.more_seeds is not None:
            assert 1 <= one.more_seeds[0] <= (one.more_seeds[1] or one.more_seeds[0])
