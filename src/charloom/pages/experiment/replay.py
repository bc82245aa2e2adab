"""The first updates of a training, repeated by the kernel: measures that no file has."""

from typing import NamedTuple

import numpy as np

from charloom.base.errors import Diverged
from charloom.base.types import Numbers
from charloom.kernel.advance import advance, start
from charloom.kernel.arrays import forward, product
from charloom.network.recipe import Recipe
from charloom.network.rnn import SATURATED

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
    """Return the first of so many updates of a training by this recipe, up to the update at which it diverges.

    ids   all characters that are trained on
    held  W keeps its initial values; all other weights learn
    """
    state, T = start(recipe, K, seed), recipe.seq_length
    W, found = state.theta.W.copy(), []
    starts, _ = recipe.places(0, min(UPDATES, updates) + 1, len(ids), seed)
    for of_batch in starts:
        try:
            rows = advance(state, ids, 1, recipe)
        except Diverged:
            break
        to_next = state.theta.W.T.astype(float)
        squared, means = to_next**2, []
        for h_0, place in zip(state.h, of_batch, strict=True):
            states = forward(state.theta, ids[place : place + T], h_0)[0].astype(float)
            saturated_now = np.abs(states[1:]) > SATURATED
            sums_now, drawn_now = product(states[:-1], to_next) ** 2, product(states[:-1] ** 2, squared)
            means.append([saturated_now.mean(), sums_now.mean(), drawn_now.mean()])
        saturated, *sums = np.mean(means, axis=0)
        found.append([float(rows.losses[0]), float(saturated), *np.sqrt(sums).tolist()])
        state = rows.after
        if held:
            state.theta.W[:] = W
    return First(*map(list, zip(*found, strict=True)))
