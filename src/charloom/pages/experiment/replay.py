"""The first updates of a training, made again by the equations: what of them stands in no file."""

from typing import NamedTuple

import numpy as np

from charloom.base.types import Numbers
from charloom.network.recipe import Recipe
from charloom.network.rnn import SATURATED, filled, forward, loss_and_gradients

UPDATES = 50


class First(NamedTuple):
    """Of each update from 0 on, before its step: the loss, in nats, and the share of saturated units.

    sums   what a unit gets from the units before it, W h: the root mean square
    drawn  the same as it would be if the signs in W were drawn, in the mean over all draws
    """

    losses: list[float]
    saturated: list[float]
    sums: list[float]
    drawn: list[float]


def replayed(recipe: Recipe, seed: int, updates: int, K: int, ids: Numbers, held: bool = False) -> First:
    """Return the first of so many updates of a training by this recipe; `ids` are all that is trained on.

    held  W stays as it was at the start; all else learns
    """
    T, (theta, kept) = recipe.seq_length, recipe.initial(K, seed)
    h, found = np.zeros((recipe.batch, recipe.m), theta.flat.dtype), []
    places = recipe.places(0, min(UPDATES, updates) + 1, len(ids), seed)
    for update, (starts, zero) in enumerate(zip(*places, strict=True)):
        h[zero] = 0
        summed, seen = filled(0.0, recipe.m, K, theta.flat.dtype), []
        with np.errstate(over="ignore", invalid="ignore"):
            for n, start in enumerate(starts):
                read = ids[start : start + T + 1].astype(np.intp)
                x, y = read[:-1], read[1:]
                states, _ = forward(theta, x, h[n])
                squares = (states[:-1] @ theta.W.T) ** 2, states[:-1] ** 2 @ (theta.W**2).T
                loss, gradients, h[n] = loss_and_gradients(theta, x, y, h[n])
                summed.flat[:] += gradients.flat
                seen.append([loss, *(each.mean() for each in (np.abs(states[1:]) > SATURATED, *squares))])
            summed.flat[:] *= recipe.scale
            if held:
                summed.W[:] = 0
            recipe.step(theta, kept, summed, update)
        values = np.mean(seen, axis=0) + 0.0  # a loss of −0.0 is none
        values[2:] **= 0.5
        found.append(values.tolist())
    return First(*map(list, zip(*found, strict=True)))
