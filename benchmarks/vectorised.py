"""One update with charloom's own reference in NumPy: all that can be is done for the whole sequence at once."""

import sys
import time

import numpy as np
from text import CLIP, ETA, SEQ_LENGTH, problem, report

from charloom.network import adagrad
from charloom.network.rnn import Parameters, filled, loss_and_gradients


def main(dtype: str, updates: int, m: int, K: int, seq_length: int = SEQ_LENGTH) -> None:
    """Train and print microseconds of CPU time per update."""
    ids, W, U, V, b, c = problem(m, K, dtype, updates, seq_length)
    theta = Parameters(np.concatenate([each.ravel() for each in (W, U, V, b, c)]), m, K)
    s, h, number = filled(0.0, m, K, dtype), np.zeros(m, dtype), np.dtype(dtype).type
    started = time.process_time()
    for update in range(updates):
        e = update * seq_length
        loss, gradients, h = loss_and_gradients(theta, ids[e : e + seq_length], ids[e + 1 : e + seq_length + 1], h)
        adagrad.step(theta, gradients, s, number(ETA), number(CLIP))
    report(started, updates, loss)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
