"""How far back a network looks: gradients of a character's loss with respect to what it read before.

With g = p_t − onehot(y_t), for the loss of the character that follows place t alone:

    d_0 = Vᵀ g ⊙ (1 − h_t²)
    d_k = Wᵀ d_{k−1} ⊙ (1 − h_{t−k}²)          ∂loss_t / ∂a_{t−k}
    ∂loss_t / ∂x_{t−k} = Uᵀ d_k                ∂loss_t / ∂h_{t−k−1} = Wᵀ d_k
"""

import numpy as np

from charloom.base.types import Array
from charloom.kernel.arrays import product, softmax
from charloom.network.rnn import Parameters


def gradient_norms(theta: Parameters, h: Array, y: Array, places: Array, back: int) -> tuple[Array, Array]:
    """Return ‖∂loss_t / ∂x_{t−k}‖ and ‖∂loss_t / ∂h_{t−k}‖, both (places, back), for k = 0, 1, …

    h       (T + 1, m) the states of a text that was read, h[t + 1] the one after its character t
    y       (T,) the characters that follow
    places  (n,) the t of which the loss is; the smallest is back − 1 or more
    """
    g = softmax(product(h[places + 1], theta.V.T) + theta.c)
    g[np.arange(len(places)), y[places]] -= 1
    to_state = product(g, theta.V)
    inputs, states = np.empty((2, len(places), back))
    for k in range(back):
        states[:, k] = _norms(to_state)
        d = to_state * (1 - h[places + 1 - k] ** 2)
        inputs[:, k] = _norms(product(d, theta.U))
        to_state = product(d, theta.W)
    return inputs, states


def _norms(rows: Array) -> Array:
    """Return the Euclidean norm of each row."""
    norms: Array = np.sqrt((rows * rows).sum(axis=1))
    return norms
