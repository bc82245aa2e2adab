"""Exact operations on vectors, lane by lane: rounding to the nearest integer, 2^n, and the exponent of a number.

The operations use the bits of the IEEE 754 formats: sign, exponent plus bias, fraction. The lowest bits of
x + 1.5 · 2^52 (1.5 · 2^23 in float32) are the nearest integer to x. Subtracting the constant gives that integer as a
floating-point number.
"""

from typing import Any

from llvmlite import ir
from numba import njit
from numba.extending import intrinsic

from charloom.core.kernel.cache import INNER
from charloom.core.kernel.vector import Vector

FRACTION = {64: 52, 32: 23}  # bits of the fraction, by the bits of the format
MAGIC_64, MAGIC_32 = 1.5 * 2.0**52, 1.5 * 2.0**23
BIAS_64, BIAS_32 = 1023.0, 127.0


@intrinsic
def by_type(_: Any, x: Any, of_float64: Any, of_float32: Any) -> Any:
    """Return `of_float64` or `of_float32`, the one for the number type of the vector x. The compiler chooses."""
    place, number = (1, of_float64) if x.scalar.bitwidth == 64 else (2, of_float32)

    def generate(_context: Any, _builder: Any, _signature: Any, arguments: Any) -> Any:
        return arguments[place]

    return number(x, of_float64, of_float32), generate


def _bits(builder: Any, x: Vector, value: Any) -> tuple[Any, Any]:
    """Return the bits of `value`, of type x, as integers, and a vector with the count of fraction bits in each lane."""
    bits = ir.VectorType(ir.IntType(x.scalar.bitwidth), x.lanes)
    return builder.bitcast(value, bits), ir.Constant(bits, [FRACTION[x.scalar.bitwidth]] * x.lanes)


@intrinsic
def _with_exponent(_: Any, n: Any) -> Any:
    """Return in each lane the power of two whose exponent, plus BIAS_64 or BIAS_32, is in the lowest bits of n."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(builder.shl(*_bits(builder, n, *arguments)), arguments[0].type)

    return n(n), generate


@intrinsic
def _biased(_: Any, x: Any) -> Any:
    """Return the exponent of x plus the format's bias (BIAS_64 or BIAS_32), as a float, for positive normal x."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.sitofp(builder.lshr(*_bits(builder, x, *arguments)), arguments[0].type)

    return x(x), generate


@njit(**INNER)
def nearest(x: Any) -> Any:
    """Return the nearest integer to x as a floating-point number, for |x| < 2^51 in float64 and 2^22 in float32."""
    magic = by_type(x, MAGIC_64, MAGIC_32)
    return (x + magic) - magic


@njit(**INNER)
def power_of_two(n: Any) -> Any:
    """Return 2^n exactly, for integers n in the range of normal exponents."""
    return _with_exponent(n + by_type(n, MAGIC_64 + BIAS_64, MAGIC_32 + BIAS_32))


@njit(**INNER)
def exponent_of(x: Any) -> Any:
    """Return the integer n with x = 2^n · f and 1 ≤ f < 2, as a floating-point number, for positive normal x."""
    return _biased(x) - by_type(x, BIAS_64, BIAS_32)
