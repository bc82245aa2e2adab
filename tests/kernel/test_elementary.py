"""exp, tanh and log of the kernel beside those of longer floating-point numbers."""

import numpy as np
import pytest

from charloom.kernel import elementary

longer = pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="no longer numbers here to compare with")


FUNCTIONS = [("exp", "float64"), ("exp", "float32"), ("tanh", "float64"), ("tanh", "float32"), ("log", "float64")]
INF, NAN = np.inf, np.nan
ENDS = {"exp": [0, INF, NAN, 1, 1], "tanh": [-1, 1, NAN, 0, 0], "log": [NAN, INF, NAN, -INF, -INF]}


def points(dtype):
    """Return numbers from end to end: subnormal, tiny, ordinary and up to overflow, both signs."""
    info, rng = np.finfo(dtype), np.random.default_rng(1)
    exponents = rng.uniform(np.log2(float(info.smallest_subnormal)), np.log2(float(info.max)), 50_000)
    positive = np.concatenate([2.0**exponents, rng.uniform(0, 1, 100_000), rng.uniform(0, 800, 50_000)])
    return np.concatenate([positive, -positive]).astype(dtype)


@pytest.mark.slow
@longer
@pytest.mark.parametrize(("name", "dtype"), FUNCTIONS)
def test_elementary_functions_are_within_two_units_in_the_last_place(name, dtype):
    x = points(dtype)
    if name == "log":
        x = x[x > 0]
    found = getattr(elementary, name)(x)
    with np.errstate(all="ignore"):
        exact = getattr(np, name)(x.astype(np.longdouble))
        rounded = exact.astype(dtype)
        unit = np.spacing(np.abs(rounded)).astype(np.longdouble)
        error = np.abs(found.astype(np.longdouble) - exact) / unit
    finite = np.isfinite(rounded)
    assert np.array_equal(found[~finite], rounded[~finite])
    assert error[finite].max() <= 2


@pytest.mark.parametrize(("name", "dtype"), FUNCTIONS)
def test_elementary_functions_at_the_ends_of_their_range(name, dtype):
    x = np.array([-INF, INF, NAN, 0.0, -0.0], dtype)
    np.testing.assert_array_equal(getattr(elementary, name)(x), np.array(ENDS[name], dtype))
