"""Other networks with the same five matrices, as somebody would write them in network/rnn.py."""

import numpy as np

from charloom.core.network import rnn
from charloom.core.network.rnn import Parameters

SQUASH = {  # a function of a, and its slope as a function of h
    "tanh": (np.tanh, lambda h: 1 - h**2),
    "relu": (lambda a: np.where(a.real > 0, a, 0), lambda h: (h > 0).astype(h.dtype)),
    "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda h: h * (1 - h)),
}


class Network:
    """h_t = leak · h_{t-1} + squash(W h_{t-1} + U x_t + b), with its gradient.

    slope, before  replace the right slope, and the states h before each character in the gradient of W
    """

    def __init__(self, squash="tanh", leak=0.0, slope=None, before=lambda h: h):
        self.squash, right = SQUASH[squash]
        self.leak, self.slope, self.before = leak, slope or right, before

    def forward(self, theta, x, h_0):
        h = np.empty((len(x) + 1, theta.m), theta.flat.dtype)
        h[0] = h_0
        for t, now in enumerate(x):
            h[t + 1] = self.leak * h[t] + self.squash(theta.W @ h[t] + theta.U[:, now] + theta.b)
        return h, h[1:] @ theta.V.T + theta.c

    def loss_and_gradients(self, theta, x, y, h_0):
        h, o = self.forward(theta, x, h_0)
        log_p, steps = rnn.log_softmax(o), np.arange(len(x))
        g = np.exp(log_p)
        g[steps, y] -= 1
        gradients = rnn.filled(0.0, theta.m, theta.K, theta.flat.dtype)
        later = np.zeros(theta.m, theta.flat.dtype)
        for t in reversed(steps):
            dh = g[t] @ theta.V + later
            d = dh * self.slope(h[t + 1] - self.leak * h[t])
            gradients.W[:] += np.outer(d, self.before(h)[t])
            gradients.U[:, x[t]] += d
            gradients.b[:] += d
            later = d @ theta.W + self.leak * dh
        gradients.V[:], gradients.c[:] = g.T @ h[1:], g.sum(axis=0)
        return float(-log_p[steps, y].sum()), gradients, h[-1]

    def write_into(self, monkeypatch):
        """Replace the two functions of network/rnn.py."""
        monkeypatch.setattr(rnn, "forward", self.forward)
        monkeypatch.setattr(rnn, "loss_and_gradients", self.loss_and_gradients)


def spoilt(name):
    """Return a `loss_and_gradients` with one wrong entry in the matrix of this name, the largest."""
    right = rnn.loss_and_gradients

    def wrong(*arguments):
        loss, gradients, h = right(*arguments)
        matrix = getattr(gradients, name).reshape(-1)
        matrix[abs(matrix).argmax()] *= 1 + 1e-4
        return loss, gradients, h

    return wrong


def moved(theta: Parameters, by: float) -> Parameters:
    """Return the parameters plus `by` in each entry."""
    return Parameters(theta.flat + by, theta.m, theta.K)
