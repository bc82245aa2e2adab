"""Time one update with charloom's kernel, called as in the stage `train`."""

import sys
from dataclasses import replace

import numpy as np
from text import CLIP, ETA, SEQ_LENGTH, now, problem, report

from charloom.core.kernel.advance import advance
from charloom.core.network.adagrad import AdaGrad
from charloom.core.network.adam import Adam
from charloom.core.network.recipe import Recipe
from charloom.core.network.rnn import Parameters
from charloom.core.network.state import initial_state
from charloom.core.training.loop import block, train


def main(
    optimizer: str, dtype: str, updates: int, m: int, K: int, seq_length: int = SEQ_LENGTH, batch: int = 1
) -> None:
    """Compile, train and print the time per update."""
    ids, W, U, V, b, c = problem(m, K, dtype, (updates + 2) * batch, seq_length)
    theta = Parameters(np.concatenate([weight.ravel() for weight in (W, U, V, b, c)]), m, K)
    recipe = Recipe(m, seq_length, 0.01, CLIP, dtype, AdaGrad(ETA), batch=batch)
    if optimizer == "adam":
        recipe = Recipe(m, seq_length, 0.01, np.inf, dtype, Adam(0.001), "mean", batch=batch)
    ids = ids.astype(np.min_scalar_type(K - 1))
    # The first update is not timed: it also measures its gradients, as every thousandth does.
    state = advance(replace(initial_state(recipe, K, seed=1), theta=theta), ids, 1, recipe).after
    started = now()
    for rows in train(state, ids, 1 + updates, (block(recipe, K), 1000), recipe):
        loss = rows.losses[-1]
    report(started, updates, loss)


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
