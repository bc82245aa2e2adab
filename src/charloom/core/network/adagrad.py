"""The optimiser AdaGrad: its equations, its rates, and one step.

    s ← s + g²
    θ ← θ − eta · g / √(s + ε)                      ε inside the root

Source: J. Duchi, E. Hazan, Y. Singer, "Adaptive Subgradient Methods" (JMLR 12, 2011).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from charloom.core.base.types import Array


class AdaGrad(NamedTuple):
    """The rates (hyperparameters) of AdaGrad, and its step in NumPy; kernel/steps.py has the compiled step.

    eta                        learning rate
    initial_accumulator_value  initial value of s
    epsilon                    ε, inside the root
    """

    eta: Any
    initial_accumulator_value: Any = 0.0
    epsilon: Any = 2.2e-16

    @property
    def starts(self) -> tuple[float, ...]:
        """Return the initial value of the only accumulator, s, as a tuple of length one."""
        return (float(self.initial_accumulator_value),)

    def step(self, theta: Array, accumulators: Sequence[Array], g: Array, _update: int) -> None:
        """Update theta and s = accumulators[0] in place by one step with the gradient g; all are (n,).

        g is overwritten. AdaGrad does not use the number of the update.

        If s starts at 0, the first step changes a weight by about eta, whether the gradient is 1 or 1e-6. A hidden unit
        adds up m such changes: see benchmarks/first_updates.md. A larger initial value of s makes the change smaller.
        """
        (s,) = accumulators
        s += g * g
        g *= self.eta
        g /= np.sqrt(s + self.epsilon)
        theta -= g

    @staticmethod
    def advice() -> str:
        """Return a param with a value, as `key: value`, that may help if most units are saturated: |h| near 1."""
        return "train.initial_accumulator_value: 10"

    @staticmethod
    def moves_without_gradient() -> bool:
        """Return False: a step cannot change a weight whose gradient is zero."""
        return False

    @staticmethod
    def revealing() -> "AdaGrad":
        """Return rates for a step from which `revealed` computes the gradient: the kernel does not store gradients.

        With s = 2^1000 every g² is lost in rounding, so √s = 2^500. With eta = 2^560 a step changes the weights by
        2^60 · g, exact except for the last rounding.
        """
        return AdaGrad(2.0**560, 2.0**1000, 0.0)

    @staticmethod
    def revealed(before: Array, after: Array, _: Sequence[Array]) -> Array:
        """Return the gradient (n,) from the weights before and after a step with the rates that `revealing` returns."""
        gradient: Array = (before - after) * 2.0**-60
        return gradient
