"""Standard normal numbers from a stream of random bits: the same bits on every processor and with every C library.

The method is the ziggurat with 256 layers of NumPy's `Generator.normal`. The numbers equal NumPy's except in the tail:
there NumPy calls the C library's log1p, whose last bit depends on the library and the processor. The density is
e^(−x²/2); layer i covers |x| < w[i] · 2^52 = x[i] up to the height f[i]; the tail is |x| > R. An attempt to draw a
normal number reads the next 64-bit number r:

    layer      i = r mod 256; sign = bit 8 of r; k = bits 9 to 60 of r; x = k · w[i], negative if sign = 1
    inside     if k < k[i]: x is the result. 98.8 % of attempts end here
    tail       if i = 0: a = −log1p(−u) / R, b = −log1p(−u'), from two more numbers; repeat while 2b ≤ a²; the result
               is R + a, negative if bit 17 of r is 1
    edge       otherwise: y = (f[i − 1] − f[i]) · u + f[i], from one more number; if log y < −x²/2, x is the result,
               else the attempt is rejected

u = (r >> 11) · 2^-53 is uniform in [0, 1). A row of ziggurat.csv has k[i], w[i] and f[i]: NumPy 2.4's tables
`ki_double`, `wi_double` and `fi_double`. They are stored because computed tables differ from NumPy's in the last bits.

Source: G. Marsaglia, W. Tsang, "The Ziggurat Method for Generating Random Variables" (Journal of Statistical Software,
2000); NumPy, numpy/random/src/distributions (BSD licence).
"""

from pathlib import Path

import numpy as np

from charloom.core.base.types import Array
from charloom.core.network.logarithm import log, log1p

TABLE = np.loadtxt(Path(__file__).with_name("ziggurat.csv"), delimiter=",", skiprows=1)
INSIDE, WIDTH, HEIGHT = TABLE[:, 0].astype(np.uint64), TABLE[:, 1], TABLE[:, 2]  # k, w and f; each k is below 2^53
R, INVERSE_R = 3.6541528853610088, 0.27366123732975828  # the tail is |x| > R


def standard_normal(rng: np.random.Generator, count: int) -> Array:
    """Return normal numbers (count,) with mean 0 and standard deviation 1.

    The function reads more of the stream `rng` than it needs. So two calls with n numbers do not give the numbers of
    one call with 2n: use a stream for one call only.
    """
    bits = rng.bit_generator.random_raw(count + count // 32 + 64)  # an attempt takes 1.02 numbers on average
    while len(drawn := _drawn(bits)) < count:
        bits = np.append(bits, rng.bit_generator.random_raw(64))
    return drawn[:count]


def _drawn(bits: Array) -> Array:
    """Return the normal numbers, in order, that the attempts draw from these random 64-bit numbers (n,).

    A last attempt that would need further random numbers has no result.
    """
    layer, k = (bits & 0xFF).astype(np.intp), (bits >> 9) & (2**52 - 1)
    x = k * WIDTH[layer]
    x[(bits & 0x100) != 0] *= -1
    accepted = k < INSIDE[layer]  # for each number: an attempt begins with it and has a result
    u = (bits >> 11) * 2.0**-53
    end = 0  # index after the last number that the previous attempt read
    for at in np.flatnonzero(~accepted).tolist():
        if at < end:
            continue
        i, end = int(layer[at]), at + 1
        while end + 1 + (i == 0) <= len(bits):
            if i > 0:
                end += 1
                y = (HEIGHT[i - 1] - HEIGHT[i]) * u[at + 1] + HEIGHT[i]
                accepted[at] = log(y) < -0.5 * x[at] * x[at]
                break
            a, b = -INVERSE_R * log1p(-float(u[end])), -log1p(-float(u[end + 1]))
            end += 2
            if 2 * b > a * a:
                x[at], accepted[at] = -(R + a) if bits[at] & 0x20000 else R + a, True
                break
        else:
            end = len(bits)
        accepted[at + 1 : end] = False
    return x[accepted]
