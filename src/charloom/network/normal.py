"""Standard normal numbers from a stream of random bits: the same bits on every processor and with every C library.

The method is the ziggurat of 256 layers that NumPy's `Generator.normal` uses, and its numbers are NumPy's, except in
the tail, where NumPy calls the C library's log1p: libraries, and one library on two processors, differ there in the
last bit. The density is e^(−x²/2), layer i is |x| < w[i] · 2^52 = x[i], and its strip ends at the height f[i]. For each
attempt take the next 64-bit number r:

    layer      i = r mod 256; sign = bit 8 of r; k = bits 9 to 60 of r; x = k · w[i], negative if sign = 1
    inside     if k < k[i]: x is the result. 98.8 % of attempts end here
    tail       if i = 0: a = −log1p(−u) / R, b = −log1p(−u'), of two more numbers; repeat while 2b ≤ a²; the result is
               R + a, negative if bit 17 of r is 1
    edge       otherwise: y = (f[i − 1] − f[i]) · u + f[i], of one more number; if log y < −x²/2, x is the result, else
               the attempt ends without one

u = (r >> 11) · 2^-53 is uniform in [0, 1). A table row of ziggurat.csv has k[i], w[i] and f[i]. Formulas give other
last bits than NumPy's tables, so these are data: `ki_double`, `wi_double` and `fi_double` of NumPy 2.4.

Source: G. Marsaglia, W. Tsang, "The Ziggurat Method for Generating Random Variables" (Journal of Statistical Software,
2000); NumPy, numpy/random/src/distributions (BSD licence).
"""

from pathlib import Path

import numpy as np

from charloom.base.logarithm import log, log1p
from charloom.base.types import Array

TABLE = np.loadtxt(Path(__file__).with_name("ziggurat.csv"), delimiter=",", skiprows=1)
INSIDE, WIDTH, HEIGHT = TABLE[:, 0].astype(np.uint64), TABLE[:, 1], TABLE[:, 2]  # k, w and f; each k is below 2^53
R, INVERSE_R = 3.6541528853610088, 0.27366123732975828  # where the tail begins


def standard_normal(rng: np.random.Generator, count: int) -> Array:
    """Return the next `count` normal numbers of the stream, of mean 0 and deviation 1.

    The stream is used up: where it goes on depends on how many numbers were drawn at once.
    """
    bits = rng.bit_generator.random_raw(count + count // 32 + 64)  # an attempt takes 1.02 numbers on average
    while len(drawn := _drawn(bits)) < count:
        bits = np.append(bits, rng.bit_generator.random_raw(64))
    return drawn[:count]


def _drawn(bits: Array) -> Array:
    """Return the results of all attempts that are complete within these numbers, in order."""
    layer, k = (bits & 0xFF).astype(np.intp), (bits >> 9) & (2**52 - 1)
    x = k * WIDTH[layer]
    x[(bits & 0x100) != 0] *= -1
    found = k < INSIDE[layer]  # at each number, whether an attempt begins there and has a result
    u = (bits >> 11) * 2.0**-53
    end = 0  # of the last attempt: the number after those that it took
    for at in np.flatnonzero(~found).tolist():
        if at < end:
            continue
        i, end = int(layer[at]), at + 1
        while end + 1 + (i == 0) <= len(bits):
            if i > 0:
                end += 1
                y = (HEIGHT[i - 1] - HEIGHT[i]) * u[at + 1] + HEIGHT[i]
                found[at] = log(y) < -0.5 * x[at] * x[at]
                break
            a, b = -INVERSE_R * log1p(-float(u[end])), -log1p(-float(u[end + 1]))
            end += 2
            if 2 * b > a * a:
                x[at], found[at] = -(R + a) if bits[at] & 0x20000 else R + a, True
                break
        else:
            end = len(bits)
        found[at + 1 : end] = False
    return x[found]
