"""A map for `charloom grade`: network/rnn.py of this project as a program to grade."""

import numpy as np
import student


def gradients(weights, h, x, y):
    """Return loss, gradients and last state of `rnn.loss_and_gradients`."""
    flat = np.concatenate([weights[name].ravel() for name in student.NAMES])
    theta = student.Parameters(flat, len(h), len(weights["c"]))
    loss, computed, last = student.loss_and_gradients(theta, x, y, h)
    return loss, {name: getattr(computed, name) for name in student.NAMES}, last
