"""Time one update with charloom's reference in NumPy, which vectorises all but the recurrences over the sequence."""

import sys

import numpy as np
from text import CLIP, ETA, SEQ_LENGTH, now, problem, report

from charloom.core.network.adagrad import AdaGrad
from charloom.core.network.recipe import Recipe
from charloom.core.network.rnn import Parameters, loss_and_gradients


def main(dtype: str, updates: int, m: int, K: int, seq_length: int = SEQ_LENGTH) -> None:
    """Train and print microseconds of CPU time per update."""
    ids, W, U, V, b, c = problem(m, K, dtype, updates, seq_length)
    theta = Parameters(np.concatenate([weight.ravel() for weight in (W, U, V, b, c)]), m, K)
    recipe, h = Recipe(m, seq_length, 0.01, CLIP, dtype, AdaGrad(ETA)), np.zeros(m, dtype)
    accumulators = recipe.accumulators(K)
    started = now()
    for update in range(updates):
        e = update * seq_length
        loss, gradients, h = loss_and_gradients(theta, ids[e : e + seq_length], ids[e + 1 : e + seq_length + 1], h)
        recipe.step(theta, accumulators, gradients, update)
    report(started, updates, loss)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
