"""Compiling ahead: what later stages run is compiled by another process, while the first compiles what it runs.

python -m charloom.signature.ahead m K    (it reads in params.yaml for which type: no result depends on what it does)
"""

import os
import sys

import numpy as np

from charloom.kernel.advance import advance, start
from charloom.kernel.drawing import streams, write
from charloom.kernel.layout import scratch, weights
from charloom.kernel.update import read
from charloom.network.rnn import filled
from charloom.sampling.passages import Passages
from charloom.settings.params import read_params


def compile_all(m: int, K: int, dtype: str) -> None:
    """Compile what scores a text, what writes one, and what compares samples with it, by running each on nothing.

    So too the update, but in float64: that one is compiled by the gradient check.
    """
    number = np.dtype(dtype).type
    nothing = filled(0.0, m, K, number)
    if dtype != "float64":
        advance(start(nothing, 1.0), np.zeros(2, np.int64), 1, seq_length=1, eta=1.0, clip=1.0)
    w = weights(nothing, -np.inf)
    read(w, scratch(w, m, K, 1), np.zeros(2, np.int64), 1, m, np.empty(1), 0.0)
    one = np.zeros((1, 1))
    z = streams(w, np.zeros((1, m), number), np.zeros(1, np.int64), K)
    write(w, z, m, one, number(1), 0, 1.0, one.astype(np.int64), one.copy())
    Passages([], [], np.zeros(1, np.bool_)).read(np.zeros(1, np.int32))


if __name__ == "__main__":
    os.nice(5)  # whoever waits for a stage comes first
    compile_all(int(sys.argv[1]), int(sys.argv[2]), read_params().train.dtype)
