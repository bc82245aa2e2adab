"""The statistics: by hand, by enumeration, and as SciPy has them where we do not call it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from seedpairs.data_types import Moments
from seedpairs.statistics import difference_beyond_rounding, moments, student_interval, student_p

NUMBERS = st.floats(-1e3, 1e3).map(lambda x: round(x, 3))
SEVERAL = st.lists(NUMBERS, min_size=3, max_size=12).filter(lambda x: np.ptp(x) > 0)


def test_three_differences_by_hand():
    """Student's distribution with two degrees of freedom has a closed form: P(|T| > t) = 1 − t / √(t² + 2)."""
    of = moments([1.0, 2.0, 3.0])
    assert of == Moments(3, 2.0, 1.0)
    t = 2 * math.sqrt(3)
    assert student_p(of) == pytest.approx(1 - t / math.sqrt(t * t + 2), rel=1e-12)
    half = 0.95 * math.sqrt(2 / (1 - 0.95**2)) / math.sqrt(3)
    assert student_interval(of, 0.95) == pytest.approx((2 - half, 2 + half), rel=1e-12)


@given(SEVERAL, st.sampled_from([0.8, 0.95, 1 - 0.05 / 72]))
def test_student_is_scipys(x, level):
    theirs = stats.ttest_1samp(x, 0.0)
    assert student_p(moments(x)) == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-12)
    interval = theirs.confidence_interval(level)
    assert student_interval(moments(x), level) == pytest.approx((interval.low, interval.high), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("power", [-900, -500, 0, 490])
def test_no_square_overflows_or_vanishes(power):
    small, large = moments([1.0, 2.0, 3.0]), moments(np.ldexp([1.0, 2.0, 3.0], power))
    assert large == Moments(3, math.ldexp(2.0, power), math.ldexp(1.0, power))
    assert student_p(large) == student_p(small)


def test_too_few_numbers_say_nothing():
    for few in (Moments(0), Moments(1, 2.0), moments([2.0, 2.0])):
        assert moments([2.0] * few.n) == few
        assert student_p(few) is student_interval(few, 0.95) is None


def test_equal_numbers_have_a_point_interval_and_rounding_is_no_difference():
    assert moments([0.1] * 3) == Moments(3, 0.1, 0.0)
    assert student_interval(moments([0.1] * 3), 0.95) == (0.1, 0.1)
    assert [student_p(moments([x] * 3)) for x in (0.1, 0.0)] == [0.0, 1.0]
    assert (difference_beyond_rounding(0.1 + 0.2, 0.3), difference_beyond_rounding(1e300, -1e300)) == (0.0, 2e300)
    assert difference_beyond_rounding(1.0 + 1e-12, 1.0) == pytest.approx(1e-12, rel=1e-3)
    assert (
        difference_beyond_rounding(2e-323, 0.0),
        difference_beyond_rounding(3e-320, 1e-320),
        difference_beyond_rounding(2e-300, 1e-300),
    ) == (0.0, 2e-320, 1e-300)
