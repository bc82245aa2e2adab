"""The optimiser Adam. Update number t, counted from 1, computes

    m ← b1 · m + (1 − b1) · g           v ← b2 · v + (1 − b2) · g²
    θ ← θ − eta · m̂ / (√v̂ + eps)        m̂ = m / (1 − b1^t)    v̂ = v / (1 − b2^t)    eps outside the root

m and v start at 0, so they are too small at first; m̂ and v̂ correct that bias. The rates have the names of
the library Optax.

Source: D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization" (ICLR 2015).
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from charloom.core.base.types import Array


class Adam(NamedTuple):
    """The rates (hyperparameters) of Adam, and its step in NumPy; kernel/steps.py has the compiled step.

    eta     learning rate
    b1, b2  decay rates of m and v
    eps     added to √v̂
    """

    eta: Any
    b1: Any = 0.9
    b2: Any = 0.999
    eps: Any = 1e-8

    @property
    def starts(self) -> tuple[float, ...]:
        """Return the initial value of each accumulator: 0 for m and 0 for v."""
        return (0.0, 0.0)

    def step(self, theta: Array, accumulators: Sequence[Array], g: Array, update: int) -> None:
        """Update theta, m = accumulators[0] and v = accumulators[1] in place by one step with gradient g; all are (n,).

        `update` counts the updates before this one: t = update + 1. The bias corrections are applied to the rates, as
        the paper proposes at the end of section 2:

            eta · m̂ / (√v̂ + eps) = eta_t · m / (√v + eps_t)    eta_t = eta · root / (1 − b1^t)    eps_t = eps · root

        with root = √(1 − b2^t). eta_t and eps_t are computed in float64, then rounded to the dtype of theta.
        """
        m, v = accumulators
        number = theta.dtype.type
        eta, b1, b2, eps = (number(rate) for rate in self)
        root = math.sqrt(1.0 - power(float(b2), update + 1))
        eta, eps = number(float(eta) * root / (1.0 - power(float(b1), update + 1))), number(float(eps) * root)
        m[:] = b1 * m + (1 - b1) * g
        v[:] = b2 * v + (1 - b2) * (g * g)
        theta -= eta * m / (np.sqrt(v) + eps)

    @staticmethod
    def advice() -> str:
        """Return a param with a value, as `key: value`, that may help if most units are saturated: |h| near 1."""
        return "sigma: fan_in"

    @staticmethod
    def moves_without_gradient() -> bool:
        """Return True: a step can change a weight whose gradient is zero, if its m is not zero."""
        return True

    @staticmethod
    def revealing() -> "Adam":
        """Return rates for a step from which `revealed` gets the gradient g: with b1 = 0, m is equal to g."""
        return Adam(1.0, 0.0)

    @staticmethod
    def revealed(_before: Array, _after: Array, accumulators: Sequence[Array]) -> Array:
        """Return the gradient (n,) of a first step that used the rates of `revealing`: it is equal to Adam's m."""
        return accumulators[0]


def power(base: float, exponent: int) -> float:
    """Return base^exponent for an integer exponent ≥ 0, by multiplications in a fixed order.

    A library's pow may round differently on another machine. kernel/steps.py compiles this function.
    """
    product = 1.0
    while exponent:
        if exponent % 2:
            product *= base
        base *= base
        exponent //= 2
    return product
