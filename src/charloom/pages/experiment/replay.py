"""The first updates of a training, made again by the equations: what of them stands in no file."""

from typing import NamedTuple

import numpy as np

from charloom.base.types import Numbers
from charloom.network.recipe import Recipe
from charloom.network.rnn import SATURATED, forward, loss_and_gradients

UPDATES = 50


class First(NamedTuple):
    """Of each update from 0 on: the loss before its step, in nats, and the share of saturated units.

    typical, largest  how far it moves the weights: the root mean square, and that of the weight that it moves most
    """

    losses: list[float]
    saturated: list[float]
    typical: list[float]
    largest: list[float]


def replayed(recipe: Recipe, seed: int, updates: int, K: int, ids: Numbers) -> First:
    """Return the first of so many updates of a training by this recipe; `ids` are all that is trained on."""
    T, (theta, kept) = recipe.seq_length, recipe.initial(K, seed)
    h, found = np.zeros(recipe.m, theta.flat.dtype), First([], [], [], [])
    places = recipe.order.places(0, min(UPDATES, updates) + 1, len(ids), T, seed)
    for update, (start, zero) in enumerate(zip(*places, strict=True)):
        if zero:
            h = np.zeros_like(h)
        read = ids[start : start + T + 1].astype(np.intp)
        x, y = read[:-1], read[1:]
        before = theta.flat.copy()
        states = forward(theta, x, h)[0][1:]
        with np.errstate(over="ignore", invalid="ignore"):
            loss, gradients, h = loss_and_gradients(theta, x, y, h)
            gradients.flat[:] *= recipe.scale
            recipe.step(theta, kept, gradients, update)
        found.losses.append(loss + 0.0)  # a loss of −0.0 is none
        moved = theta.flat - before
        found.typical.append(float(np.sqrt(np.mean(moved**2))))
        found.largest.append(float(np.abs(moved).max()))
        found.saturated.append(float((np.abs(states) > SATURATED).mean()))
    return found
