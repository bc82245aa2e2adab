"""The network's memory: gradients of one character's loss with respect to earlier characters.

With the predicted probabilities p_t and g = p_t − onehot(y_t), for the loss of the character y_t alone:

    d_0 = Vᵀ g ⊙ (1 − h_t²)
    d_k = Wᵀ d_{k−1} ⊙ (1 − h_{t−k}²)          ∂loss_t / ∂a_{t−k}
    ∂loss_t / ∂x_{t−k} = Uᵀ d_k
"""

import numpy as np

from charloom.core.base.types import Array
from charloom.core.kernel.arrays import product, softmax
from charloom.core.network.rnn import Parameters


def gradient_norms(theta: Parameters, h: Array, y: Array, places: Array, back: int) -> Array:
    """Return the norms ‖∂loss_t / ∂x_{t−k}‖ (n, back) for k = 0 … back − 1.

    h       (T + 1, m) the states over a text; h[t + 1] is the state after character t
    y       (T,) ids of the next characters
    places  (n,) the positions t of the n losses, each at least back − 1
    back    how many characters a gradient is followed back
    """
    g = softmax(product(h[places + 1], theta.V.T) + theta.c)
    g[np.arange(len(places)), y[places]] -= 1
    to_state = product(g, theta.V)
    norms = np.empty((len(places), back))
    for k in range(back):
        d = to_state * (1 - h[places + 1 - k] ** 2)
        norms[:, k] = np.sqrt((product(d, theta.U) ** 2).sum(axis=1))
        to_state = product(d, theta.W)
    return norms
