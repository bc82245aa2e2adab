"""Repeat a training's first updates with the kernel, to compute measures that no file records."""

from typing import NamedTuple

import numpy as np

from charloom.core.base.errors import Diverged
from charloom.core.base.types import Array
from charloom.core.kernel.advance import advance, start
from charloom.core.kernel.arrays import forward, product
from charloom.core.network.recipe import Recipe
from charloom.core.network.rnn import SATURATED

UPDATES = 50


class First(NamedTuple):
    """Measures of the first updates, from update 0 on, each before the step of its update.

    losses     loss of each update, in nats per sequence
    saturated  share of saturated units (see network/rnn.py), in [0, 1]
    sums       root mean square of W h, a unit's input from all units
    drawn      expected root mean square of W h if the signs in W were random
    """

    losses: list[float]
    saturated: list[float]
    sums: list[float]
    drawn: list[float]


def replayed(recipe: Recipe, seed: int, updates: int, K: int, ids: Array, held: bool = False) -> First:
    """Return the measures of the first UPDATES updates of a training, up to the update at which it diverges.

    updates  number of updates of the whole training
    K        number of different characters
    ids      (characters,) ids of the training text
    held     whether W keeps its initial values; all other weights learn
    """
    state, T = start(recipe, K, seed), recipe.seq_length
    W, rows_of_updates = state.theta.W.copy(), []
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
        rows_of_updates.append([float(rows.losses[0]), float(saturated), *np.sqrt(sums).tolist()])
        state = rows.after
        if held:
            state.theta.W[:] = W
    return First(*map(list, zip(*rows_of_updates, strict=True)))
