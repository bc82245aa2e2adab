"""Natural logarithms with the same bits on every processor and with every C library.

C libraries differ in the last bits of `log` and `log1p`, and one library differs between processors with and without
fused multiply-add. This module uses only + − × ÷ in a fixed order, and IEEE 754 defines how each of them rounds. The
error is below one unit in the last place.

Method: x = 2^n · (1 + f) with √½ < 1 + f < √2, s = f / (2 + f), and a polynomial R(s²) with

    log(1 + f) = f − f²/2 + s · (f²/2 + R)

Source: the polynomial, the two parts of ln 2 and the order of operations are those of s_log1p.c in fdlibm (Sun
Microsystems, "Freely Distributable LIBM", 1993). glibc has the same order; NumPy's normal draws use glibc's log1p.
"""

import math

LN2 = 0.6931471805599453
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # n · LN2_HIGH is exact
P1, P2, P3, P4, P5, P6, P7 = (
    6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
    1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01,
)  # fmt: skip
ROOT_2 = 0x6A09E  # the first 20 bits of √2 after its leading 1


def log1p(x: float) -> float:
    """Return the natural logarithm of 1 + x, for −1 < x ≤ 0."""
    if x > -(2.0**-29):
        return x - x * x * 0.5
    if x > -0.2928934097290039:  # fdlibm compares the upper 32 bits
        return _series(x, 0, 0.0)
    u = 1.0 + x
    return log(u, (x - (u - 1.0)) / u)


def log(x: float, correction: float = 0.0) -> float:
    """Return log x + correction for finite x > 0. log1p corrects the rounding error of 1 + x in this way."""
    half, n = math.frexp(x)
    high = int((2.0 * half - 1.0) * 2.0**20)
    if high < ROOT_2:
        return _series(2.0 * half - 1.0, n - 1, correction, near=high == 0)
    return _series(half - 1.0, n, correction, near=high > 2**20 - 4)


def _series(f: float, n: int, correction: float, near: bool = False) -> float:
    """Return log(2^n · (1 + f)) + correction. `near` selects the two-term series for |f| below about 2^-19."""
    square = 0.5 * f * f
    low = n * LN2_LOW + correction
    if near:
        return n * LN2_HIGH - ((square * (1.0 - 0.66666666666666666 * f) - low) - f)
    s = f / (2.0 + f)
    z = s * s
    z2 = z * z
    R = z * P1 + z2 * (P2 + z * P3) + (z2 * z2) * (P4 + z * P5) + ((z2 * z2) * z2) * (P6 + z * P7)
    return n * LN2_HIGH - ((square - (s * (square + R) + low)) - f)
