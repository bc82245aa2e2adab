"""The first updates of a training, made again by the equations: what of them stands in no file."""

from typing import NamedTuple

import numpy as np

from charloom.base.types import Numbers
from charloom.network.recipe import Recipe
from charloom.network.rnn import SATURATED, filled, forward, loss_and_gradients

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
    h, found = np.zeros((recipe.batch, recipe.m), theta.flat.dtype), First([], [], [], [])
    places = recipe.places(0, min(UPDATES, updates) + 1, len(ids), seed)
    for update, (starts, zero) in enumerate(zip(*places, strict=True)):
        h[zero] = 0
        before, summed = theta.flat.copy(), filled(0.0, recipe.m, K, theta.flat.dtype)
        losses, saturated = [], []
        with np.errstate(over="ignore", invalid="ignore"):
            for n, start in enumerate(starts):
                read = ids[start : start + T + 1].astype(np.intp)
                x, y = read[:-1], read[1:]
                saturated.append((np.abs(forward(theta, x, h[n])[0][1:]) > SATURATED).mean())
                loss, gradients, h[n] = loss_and_gradients(theta, x, y, h[n])
                summed.flat[:] += gradients.flat
                losses.append(loss)
            summed.flat[:] *= recipe.scale
            recipe.step(theta, kept, summed, update)
        found.losses.append(float(np.mean(losses)) + 0.0)  # a loss of −0.0 is none
        moved = theta.flat - before
        found.typical.append(float(np.sqrt(np.mean(moved**2))))
        found.largest.append(float(np.abs(moved).max()))
        found.saturated.append(float(np.mean(saturated)))
    return found
