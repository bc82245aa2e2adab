"""How the level is shared: Holm's steps, shares that are not equal, and what an interaction leaves to its parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedpairs.family import Family

P = st.lists(st.sampled_from([0.0, 0.001, 0.01, 0.02, 0.03, 0.2, 1.0]), min_size=8, max_size=8)
EQUAL = Family([1.0] * 8)
MANY = Family([2.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.5], {1: ((3, 4), (5, 6)), 2: ((3, 5), (4, 7))})
SPLIT = Family([1.0, 1.0, 0.0, 0.0, 0.0, 0.0], {1: ((2, 3), (4, 5))})  # an average, an interaction, its four effects


def test_holm_by_hand():
    """The second largest fails at 0.05 / 2; the largest is below 0.05, and is not reached."""
    adjusted, left = zip(*Family([1.0] * 4).steps([0.01, 0.04, 0.03, 0.005], 0.05), strict=True)
    assert adjusted == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert left == (3, 2, 2, 4)


def test_shares_by_hand():
    """Three quarters of 0.05 are 0.0375; what the first leaves makes the second's share the whole."""
    (first, at_first), (second, at_second) = Family([3.0, 1.0]).steps([0.03, 0.04], 0.05)
    assert (first, second) == pytest.approx((0.04, 0.04))
    assert (at_first, at_second) == pytest.approx((4 / 3, 1.0))
    (first, _), (second, at_second) = Family([3.0, 1.0]).steps([0.04, 0.03], 0.05)
    assert (first, second) == pytest.approx((4 / 3 * 0.04, 4 / 3 * 0.04))
    assert at_second == 4.0


def test_the_parts_of_an_interaction_are_tested_only_where_it_is_there():
    steps = SPLIT.steps([1.0, 0.03, 0.0, 0.0, 0.0, 0.0], 0.05)
    assert [adjusted <= 0.05 for adjusted, _ in steps] == [False] * 6
    assert steps[2][1] == float("inf")


def test_it_leaves_each_two_parts_that_cannot_both_be_zero_its_share():
    """Half of 0.05 is the interaction's, and of that half each effect has a half, for its twin is tested beside it."""
    # If both effects of one factor are told, the others have the whole share; if all are, the average has it.
    steps = SPLIT.steps([1.0, 0.001, 0.012, 0.013, 0.2, 1.0], 0.05)
    assert [at for _, at in steps[2:]] == pytest.approx([4.0] * 4)
    assert [adjusted <= 0.05 for adjusted, _ in steps[2:]] == [True, False, False, False]
    steps = SPLIT.steps([1.0, 0.001, 0.001, 0.001, 0.02, 1.0], 0.05)
    assert steps[4] == (pytest.approx(0.04), pytest.approx(2.0))
    assert steps[5][1] == pytest.approx(2.0)
    assert SPLIT.steps([0.04, *[0.001] * 5], 0.05)[0] == (pytest.approx(0.04), pytest.approx(1.0))


@given(P, st.randoms())
def test_holm_asks_no_order(p, random):
    steps = dict(zip(p, EQUAL.steps(p, 0.05), strict=True))
    shuffled = random.sample(p, 8)
    assert EQUAL.steps(shuffled, 0.05) == [steps[x] for x in shuffled]


@given(P, st.integers(0, 7), st.sampled_from([EQUAL, MANY]))
def test_a_smaller_p_removes_no_verdict_and_adjusted_p_agrees_with_the_steps(p, at, family):
    before = family.steps(p, 0.05)
    after = family.steps([0.0 if i == at else x for i, x in enumerate(p)], 0.05)
    assert all(then[0] <= first[0] + 1e-12 for then, first in zip(after, before, strict=True))
    for x, (adjusted, divisor) in zip(p, before, strict=True):
        assert (adjusted <= 0.05) == (x * divisor <= 0.05 + 1e-12 if divisor < float("inf") else False)
