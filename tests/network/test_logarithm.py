"""log and log1p in fixed arithmetic, compared with those of the C library."""

import hashlib
import math
import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from charloom.core.network.logarithm import LN2, log, log1p

UNIFORM = st.integers(0, 2**53 - 1).map(lambda n: n * 2.0**-53)


@given(st.floats(min_value=5e-324, allow_infinity=False))
def test_log_is_within_one_unit_in_the_last_place_of_the_librarys(x):
    assert abs(log(x) - math.log(x)) <= math.ulp(math.log(x))


@given(st.one_of(UNIFORM, UNIFORM.map(lambda u: u * 2.0**-20), UNIFORM.map(lambda u: 1 - 2.0**-53 - u * 2.0**-20)))
def test_log1p_is_within_one_unit_in_the_last_place_of_the_librarys(u):
    assert abs(log1p(-u) - math.log1p(-u)) <= math.ulp(math.log1p(-u))


def test_log1p_has_these_bits_everywhere():
    """They are glibc's without fused multiply-add, at each of these arguments."""
    assert (log(1), log(2), log1p(-0.0), log1p(-0.5)) == (0.0, LN2, 0.0, -LN2)
    u = np.random.default_rng(7).random(20_000)
    values = [log1p(-each) for each in (*u.tolist(), *(u * 2.0**-25).tolist(), *(1 - u * 2.0**-10).tolist())]
    bits = b"".join(struct.pack("<d", each) for each in values)
    assert hashlib.sha256(bits).hexdigest()[:16] == "b204659087963719"
