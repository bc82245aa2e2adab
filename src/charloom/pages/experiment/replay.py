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
        seen = []
        for h_0, place in zip(state.h, of_batch, strict=True):
            states = forward(state.theta, ids[place : place + T], h_0)[0].astype(float)
            W_now = state.theta.W.T.astype(float)
            squares = product(states[:-1], W_now) ** 2, product(states[:-1] ** 2, W_now**2)
            seen.append([each.mean() for each in (np.abs(states[1:]) > SATURATED, *squares)])
        saturated, *sums = np.mean(seen, axis=0)
        found.append([float(rows.losses[0]), float(saturated), *np.sqrt(sums).tolist()])
        state = rows.after
        if held:
            state.theta.W[:] = W
    return First(*map(list, zip(*found, strict=True)))
