"""Adam, as an optimiser. With t the number of updates, this one included:

    m ← b1 · m + (1 − b1) · g           v ← b2 · v + (1 − b2) · g²
    θ ← θ − eta · m̂ / (√v̂ + eps)        m̂ = m / (1 − b1^t)    v̂ = v / (1 − b2^t)    eps outside the root

m and v start from 0, so they are too small at first; m̂ and v̂ correct that. Names are those of Optax.

Source: D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization" (ICLR 2015).
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from charloom.base.types import Array


class Adam(NamedTuple):
    """Its rates. kernel/steps.py has the same step in vectors; it is chosen by this class.

    eta     the learning rate
    b1, b2  how much of m and of v is kept in an update
    eps     outside the root
    """

    eta: Any
    b1: Any = 0.9
    b2: Any = 0.999
    eps: Any = 1e-8

    @property
    def starts(self) -> tuple[float, ...]:
        """Return what the numbers kept for each weight start from: here two, m and v."""
        return (0.0, 0.0)

    def step(self, theta: Array, kept: Sequence[Array], g: Array, update: int) -> None:
        """Move theta, m = kept[0] and v = kept[1] in place by one step along g, after `update` others; all (n,).

        Both corrections are of the rates, as the paper proposes at the end of its section 2:

            eta · m̂ / (√v̂ + eps) = eta_t · m / (√v + eps_t)    eta_t = eta · root / (1 − b1^t)    eps_t = eps · root

        with root = √(1 − b2^t). These are computed in float64, and then of the type of theta.
        """
        m, v = kept
        number = theta.dtype.type
        eta, b1, b2, eps = (number(rate) for rate in self)
        root = math.sqrt(1.0 - _power(float(b2), update + 1))
        eta, eps = number(float(eta) * root / (1.0 - _power(float(b1), update + 1))), number(float(eps) * root)
        m[:] = b1 * m + (1 - b1) * g
        v[:] = b2 * v + (1 - b2) * (g * g)
        theta -= eta * m / (np.sqrt(v) + eps)

    @staticmethod
    def advice() -> str:
        """Return what may help, beside a smaller eta, where most hidden units are saturated."""
        return "sigma: fan_in"

    @staticmethod
    def moves_without_gradient() -> bool:
        """Return whether a weight moves whose gradient is zero, and always was: it did, by m, if it ever had one."""
        return True

    @staticmethod
    def revealing() -> "Adam":
        """Return rates beside which one step shows its gradient: with b1 = 0, m is the gradient."""
        return Adam(1.0, 0.0)

    @staticmethod
    def revealed(_before: Array, _after: Array, kept: Sequence[Array]) -> Array:
        """Return the gradient (n,) of the first step at those rates."""
        return kept[0]


def _power(base: float, exponent: int) -> float:
    """Return base^exponent by products in one order, the same bits everywhere: a library's power function is free."""
    product = 1.0
    while exponent:
        if exponent % 2:
            product *= base
        base *= base
        exponent //= 2
    return product
