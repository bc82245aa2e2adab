"""AdaGrad, as an optimiser: the module that a recipe's rates come from says everything about it.

    s ← s + g²
    θ ← θ − eta · g / √(s + ε)                      ε inside the root

Source: J. Duchi, E. Hazan, Y. Singer, "Adaptive Subgradient Methods" (JMLR 12, 2011).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from charloom.base.types import Array


class AdaGrad(NamedTuple):
    """Its rates. kernel/steps.py has the same step in vectors; it is chosen by this class.

    eta                        the learning rate
    initial_accumulator_value  what s starts from
    epsilon                    inside the root
    """

    eta: Any
    initial_accumulator_value: Any = 0.0
    epsilon: Any = 2.2e-16

    @property
    def starts(self) -> tuple[float, ...]:
        """Return what the numbers kept for each weight start from: here one, s."""
        return (float(self.initial_accumulator_value),)

    def step(self, theta: Array, kept: Sequence[Array], g: Array, _update: int) -> None:
        """Move theta and s = kept[0] in place by one step along g; all (n,). The gradient is used up.

        With s = 0 at the start the first step has length eta in every coordinate, however small its gradient, and
        a hidden unit adds up m of them: benchmarks/first_updates.md. A larger start of s prevents it.
        """
        (s,) = kept
        s += g * g
        g *= self.eta
        g /= np.sqrt(s + self.epsilon)
        theta -= g

    @staticmethod
    def advice() -> str:
        """Return what may help, beside a smaller eta, where most hidden units are saturated."""
        return "train.initial_accumulator_value: 10"

    @staticmethod
    def moves_without_gradient() -> bool:
        """Return whether a weight moves whose gradient is zero, and always was."""
        return False

    @staticmethod
    def revealing() -> "AdaGrad":
        """Return rates beside which one step shows its gradient: see `revealed`.

        Beside s = 2^1000 each g² is lost in rounding, so √s is 2^500. With eta = 2^560 the weights move by 2^60 · g,
        exactly but for the last rounding.
        """
        return AdaGrad(2.0**560, 2.0**1000, 0.0)

    @staticmethod
    def revealed(before: Array, after: Array, _: Sequence[Array]) -> Array:
        """Return the gradient (n,) of the step that led from the weights `before` to `after` at those rates."""
        gradient: Array = (before - after) * 2.0**-60
        return gradient
