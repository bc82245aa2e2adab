"""Compilation of the code of later stages in a process of its own: see checking/compiling.py.

    python -m charloom.signature.ahead K

K is the number of characters. The recipe comes from params.yaml. No result depends on this process.
"""

import os
import sys
from dataclasses import replace

import numpy as np

from charloom.kernel.advance import advance, start
from charloom.kernel.crew import ALONE
from charloom.kernel.drawing import streams, write
from charloom.kernel.layout import scratch, weights
from charloom.kernel.passes import read
from charloom.sampling.passages import Passages
from charloom.settings.params import Params, read_params


def compile_all(params: Params, K: int) -> None:
    """Compile and cache the code that reads a text, writes a text, and compares samples with a text, for K characters.

    Each is compiled by running it on a tiny input. The update is compiled only if params.yaml has float32, because the
    gradient check compiles it for float64.
    """
    number, recipe = np.dtype(params.recipe.dtype).type, replace(params.recipe, seq_length=1, batch=1)
    first = start(recipe, K, params.seed)
    if recipe.dtype != "float64":
        advance(first, np.zeros(2, np.int64), 1, recipe)
    w = weights(first.theta, -np.inf)
    read(w, scratch(w, recipe.m, K, 1), np.zeros(2, np.int64), 1, recipe.m, np.empty(1), 0.0, ALONE)
    one = np.zeros((1, 1))
    z = streams(w, np.zeros((1, recipe.m), number), np.zeros(1, np.int64), K)
    write(w, z, recipe.m, one, number(1), 0, 1.0, one.astype(np.int64), one.copy())
    Passages([], [], np.zeros(1, np.bool_)).read(np.zeros(1, np.int32))


if __name__ == "__main__":
    os.nice(5)  # lower priority than the stage that the user waits for
    compile_all(read_params(), int(sys.argv[1]))
