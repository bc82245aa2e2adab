"""exp, tanh and log, computed with + − × ÷ and powers of two, whose rounding IEEE 754 defines.

The largest measured errors are 1.01, 1.95 and 0.78 units in the last place; the tests allow 2 over the whole range.

exp   x = n · ln 2 + r, n an integer and |r| ≤ ln 2 / 2; then e^x = 2^n · e^r, with e^r from its Taylor series. ln 2 is
      split into two parts, the first so short that n times it is exact: W. Cody, W. Waite, "Software Manual for the
      Elementary Functions" (1980).
tanh  from e^(−2|x|) − 1, as in fdlibm's s_tanh.c. The rounding errors of its two subtractions are computed with the
      method of T. Dekker, "A Floating-Point Technique for Extending the Available Precision" (1971).
log   x = 2^n · (1 + f); then log(1 + f) as in fdlibm's e_log.c, with its two parts of ln 2. The series is Taylor's of
      artanh; fdlibm uses a shorter fitted polynomial.

fdlibm: Sun Microsystems, "Freely Distributable LIBM" (1993).
"""

import math
from typing import Any

import numpy as np
from numba import njit

from charloom.core.base.types import Array
from charloom.core.kernel.cache import INNER, PASTED, compiled
from charloom.core.kernel.exponents import by_type, exponent_of, nearest, power_of_two
from charloom.core.kernel.vector import at_least, at_most, load, store, where_less
from charloom.core.network.logarithm import LN2

LOG2_E = 1 / LN2
# ln 2 in two parts: n times the first is exact for every exponent n.
LN2_HIGH_64, LN2_HIGH_32 = float.fromhex("0x1.62e42fee00000p-1"), float.fromhex("0x1.62e000p-1")
LN2_LOW_64, LN2_LOW_32 = float.fromhex("0x1.a39ef35793c76p-33"), float.fromhex("0x1.0bfbe8e7bcd5ep-15")
T2, T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13 = (1 / math.factorial(n) for n in range(2, 14))


@njit(**INNER)
def _expm1_reduced(r: Any) -> Any:
    """Return e^r − 1 for |r| ≤ ln 2 / 2 by the Taylor series, to the precision of the vector's number type."""
    # Even and odd powers separately: two short dependency chains that the processor runs in parallel.
    z = r * r
    if by_type(r, False, True):
        return r + z * ((T2 + z * (T4 + z * T6)) + r * (T3 + z * (T5 + z * T7)))
    even = T2 + z * (T4 + z * (T6 + z * (T8 + z * (T10 + z * T12))))
    odd = T3 + z * (T5 + z * (T7 + z * (T9 + z * (T11 + z * T13))))
    return r + z * (even + r * odd)


@njit(**INNER)
def _less_ln2(x: Any, n: Any) -> Any:
    """Return x − n · ln 2 for integers n, with ln 2 in two parts: see the module's docstring."""
    return (x - n * by_type(x, LN2_HIGH_64, LN2_HIGH_32)) - n * by_type(x, LN2_LOW_64, LN2_LOW_32)


@njit(**INNER)
def vector_exp(x: Any) -> Any:
    """Return e^x for each lane of x. The factor 2^n is applied in two factors: a subnormal result is rounded once."""
    limit = by_type(x, 750.0, 110.0)  # beyond it e^x is 0 or ∞
    x = at_most(at_least(x, -limit), limit)
    n = nearest(x * LOG2_E)
    half = nearest(n * 0.5)
    return (_expm1_reduced(_less_ln2(x, n)) + 1.0) * power_of_two(half) * power_of_two(n - half)


@njit(**INNER)
def vector_tanh(x: Any) -> Any:
    """Return tanh x for each lane of x: g / (2 − g) with the sign of x, where g = 1 − e^(−2|x|) is precise near 0.

    The rounding errors of the two subtractions, `lost` and `lost_below`, are corrected to first order, with
    1 / (2 − g) = (1 + t) / 2.
    """
    y = at_least(where_less(x, 0.0, x, x * -1.0) * 2.0, -40.0)
    n = nearest(y * LOG2_E)
    scale = power_of_two(n)
    rest = 1.0 - scale
    product = scale * _expm1_reduced(_less_ln2(y, n))
    g = rest - product
    lost = (rest - g) - product
    below = 2.0 - g
    lost_below = (2.0 - below) - g
    t = g / below
    t = t + (lost + t * (lost - lost_below)) * (t * 0.5 + 0.5)
    return where_less(x, 0.0, t * -1.0, t)


# Series of log f = 2 artanh s with s = (f − 1) / (f + 1), to float64's precision for f from √½ to √2.
A1, A2, A3, A4, A5, A6, A7, A8, A9, A10 = (2 / (2 * n + 1) for n in range(1, 11))


@njit(**INNER)
def vector_log(x: Any) -> Any:
    """Return the natural logarithm for each lane of x, float64 only; −∞ for 0, NaN for negative x."""
    tiny = 2.0**-1022
    normal = where_less(x, tiny, x * 2.0**54, x)
    n = exponent_of(normal * math.sqrt(0.5)) + 1.0
    half = nearest(n * 0.5)
    f = normal * power_of_two(half * -1.0) * power_of_two(half - n) - 1.0
    n = where_less(x, tiny, n - 54.0, n)
    s = f / (f + 2.0)
    z = s * s
    series = z * (A1 + z * (A2 + z * (A3 + z * (A4 + z * (A5 + z * (A6 + z * (A7 + z * (A8 + z * (A9 + z * A10)))))))))
    half_square = f * f * 0.5
    log = n * LN2_HIGH_64 - ((half_square - (s * (half_square + series) + n * LN2_LOW_64)) - f)
    log = where_less(0.0, x, log, where_less(x, 0.0, math.nan, x - math.inf))
    return where_less(x, math.inf, log, x)


@njit(**PASTED)  # inlined: a function passed as an argument is an address of this process, which prevents caching
def _map(function: Any, x: Array) -> Array:
    """Apply `function`, which takes and returns one vector of 64 bytes, as `vector_exp` does, to all x (n,)."""
    y = np.ones((1, -(-len(x) // 16) * 16), x.dtype)  # whole vectors
    for k in range(len(x)):  # `y[0, :n] = x` takes twice as long to compile
        y[0, k] = x[k]
    for k in range(0, y.shape[1], 64 // y.itemsize):
        store(y, 0, k, function(load(y, 0, k)))
    return y[0, : len(x)]


@compiled
def exp(x: Array) -> Any:
    """Return e^x elementwise for x (n,), float64 or float32."""
    return _map(vector_exp, x)


@compiled
def tanh(x: Array) -> Any:
    """Return tanh x elementwise for x (n,), float64 or float32."""
    return _map(vector_tanh, x)


@compiled
def log(x: Array) -> Any:
    """Return the natural logarithm elementwise for x (n,), float64; −∞ for 0, NaN for negative x."""
    return _map(vector_log, x)
