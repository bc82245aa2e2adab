"""Check core/network/rnn.py: `python docs/check_rnn.py` names a known fault of its gradient."""

import sys

import numpy as np

import rnncheck
from charloom.core.network import rnn


def gradients(weights, h, x, y):
    """Return loss, gradients and last state of `rnn.loss_and_gradients`."""
    flat = np.concatenate([weights[name].ravel() for name in rnn.NAMES])
    theta = rnn.Parameters(flat, len(h), len(weights["c"]))
    loss, computed, last = rnn.loss_and_gradients(theta, x, y, h)
    return loss, {name: getattr(computed, name) for name in rnn.NAMES}, last


if __name__ == "__main__":
    sys.exit(not rnncheck.check(gradients=gradients).right)
