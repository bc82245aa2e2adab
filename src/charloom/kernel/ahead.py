"""Compiling ahead: what later stages run is compiled by another process, while the first compiles what it runs.

python -m charloom.kernel.ahead m K    (it reads in params.yaml for which type: no result depends on what it does)
"""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from charloom.kernel.advance import advance, start
from charloom.kernel.drawing import streams, write
from charloom.kernel.layout import scratch, weights
from charloom.kernel.passages import Passages
from charloom.kernel.update import read, updates
from charloom.network.rnn import filled
from charloom.settings.params import read_params

SOURCES = Path(__file__).parents[2]


def begin(m: int, K: int) -> None:
    """Begin it where nothing of these sources is compiled. Nobody waits for it: what it has not done is done later."""
    kept = getattr(updates._cache, "folder", None)
    if kept is None or kept.exists():
        return
    with suppress(OSError):  # no room for another process
        subprocess.Popen(
            [sys.executable, "-m", __name__, str(m), str(K)], env=os.environ | {"PYTHONPATH": str(SOURCES)},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


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
