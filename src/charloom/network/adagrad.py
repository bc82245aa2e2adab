"""Clipping and AdaGrad, as equations on flat vectors.

    g ← min(max(g, −clip), clip)                    elementwise
    s ← s + g²
    θ ← θ − eta · g / √(s + ε)                      ε inside the root

Source: J. Duchi, E. Hazan, Y. Singer, "Adaptive Subgradient Methods" (JMLR 12, 2011).
"""

import numpy as np

from charloom.network.rnn import Gradients, Parameters

EPSILON = 2.2e-16


def step(theta: Parameters, gradients: Gradients, s: Parameters, eta: float, clip: float) -> None:
    """Move theta and its accumulators s in place by one clipped AdaGrad step. The gradients are used up.

    With s = 0 at the start the first step has length eta in every coordinate, however small its gradient:
    at sigma = eta / 10 that throws the weights ten standard deviations out. A larger start of s prevents it.
    """
    g = gradients.flat
    np.clip(g, -clip, clip, out=g)
    square = g * g
    np.add(s.flat, square, out=s.flat)
    np.add(s.flat, EPSILON, out=square)
    np.sqrt(square, out=square)
    g *= eta
    g /= square
    np.subtract(theta.flat, g, out=theta.flat)
