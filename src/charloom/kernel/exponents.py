"""Whole numbers and powers of two in vectors: rounding to whole, 2^n and the exponent of a number, all exact.

They read and write the bits of IEEE 754's formats: sign, exponent plus bias, fraction. A number plus 1.5 · 2^fraction
has the nearest whole number in its lowest bits; taking the constant off again leaves that whole number.
"""

from typing import Any, NamedTuple

from llvmlite import ir
from numba.extending import intrinsic

from charloom.kernel.vector import Vector


class _Format(NamedTuple):
    """An IEEE 754 format: bits of the fraction, the exponent's bias, and 1.5 · 2^fraction, which rounds by adding."""

    fraction: int
    bias: int

    @property
    def magic(self) -> float:
        return 1.5 * 2.0**self.fraction


_FORMATS = {64: _Format(52, 1023), 32: _Format(23, 127)}


def _integers(x: Vector, value: int) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(x.scalar.bitwidth), x.lanes), [value] * x.lanes)


def _floats(context: Any, x: Vector, value: float) -> Any:
    return ir.Constant(context.get_value_type(x), [value] * x.lanes)


@intrinsic
def nearest(_: Any, x: Any) -> Any:
    """Return the nearest whole number, for |x| below 2^(fraction − 1)."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        magic = _floats(context, x, _FORMATS[x.scalar.bitwidth].magic)
        return builder.fsub(builder.fadd(arguments[0], magic), magic)

    return x(x), generate


@intrinsic
def power_of_two(_: Any, n: Any) -> Any:
    """Return 2^n exactly, for whole n in the range of normal exponents."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        form = _FORMATS[n.scalar.bitwidth]
        integers = ir.VectorType(ir.IntType(n.scalar.bitwidth), n.lanes)
        # After adding 1.5 · 2^fraction the low bits of the float are n; shifted up they are an exponent.
        low = builder.bitcast(builder.fadd(arguments[0], _floats(context, n, form.magic)), integers)
        exponent = builder.shl(builder.add(low, _integers(n, form.bias)), _integers(n, form.fraction))
        return builder.bitcast(exponent, context.get_value_type(n))

    return n(n), generate


@intrinsic
def exponent_of(_: Any, x: Any) -> Any:
    """Return the whole n with x = 2^n · f, 1 ≤ f < 2, for positive normal x."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        form = _FORMATS[x.scalar.bitwidth]
        integers = ir.VectorType(ir.IntType(x.scalar.bitwidth), x.lanes)
        bits = builder.lshr(builder.bitcast(arguments[0], integers), _integers(x, form.fraction))
        return builder.sitofp(builder.sub(bits, _integers(x, form.bias)), context.get_value_type(x))

    return x(x), generate
