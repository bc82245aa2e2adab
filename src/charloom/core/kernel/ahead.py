"""Compile the code of later stages in a second process, while the gradient check compiles its own code.

    python -m charloom.core.kernel.ahead K

K is the number of characters. The recipe comes from params.yaml. No result depends on this process.
"""

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

import numpy as np

from charloom.core.base.sources import SOURCES
from charloom.core.config.params import Params
from charloom.core.config.reading import read_params
from charloom.core.kernel.advance import advance
from charloom.core.kernel.cache import folder_of
from charloom.core.kernel.crew import ALONE
from charloom.core.kernel.drawing import streams, write
from charloom.core.kernel.layout import scratch, weights
from charloom.core.kernel.passes import read
from charloom.core.kernel.update import updates
from charloom.core.network.state import initial_state


def compile_ahead(K: int) -> None:
    """Start a process that compiles the code of later stages for a vocabulary of K characters, and return at once.

    Does nothing if the cache has code of these sources, if there is no cache, or if the system refuses another process.
    A later stage itself compiles the code that the process has not compiled by then.
    """
    if (folder := folder_of(updates)) and not folder.exists():
        with suppress(OSError):  # the system refuses another process
            subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, str(K)], env=os.environ | {"PYTHONPATH": str(SOURCES)},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip


def compile_all(params: Params, K: int) -> None:
    """Compile and cache the code that reads a text and writes a text, for K characters, by running it on a tiny input.

    The update is compiled only if params.yaml has float32, because the gradient check compiles the float64 update.
    """
    number, recipe = np.dtype(params.recipe.dtype).type, replace(params.recipe, seq_length=1)
    first = initial_state(recipe, K, params.seed)
    if recipe.dtype != "float64":
        advance(first, np.zeros(recipe.batch + 1, np.int64), 1, recipe)
    w = weights(first.theta, -np.inf)
    read(w, scratch(w, recipe.m, K, 1), np.zeros(2, np.int64), 1, recipe.m, np.empty(1), 0.0, ALONE)
    one = np.zeros((1, 1))
    z = streams(w, np.zeros((1, recipe.m), number), np.zeros(1, np.int64), K)
    write(w, z, recipe.m, one, number(1), 0, 1.0, one.astype(np.int64), one.copy())


if __name__ == "__main__":
    os.nice(5)  # lower priority than the stage that the user waits for
    compile_all(read_params(), int(sys.argv[1]))
