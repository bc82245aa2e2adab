"""Time one update with plain loops and with the kernel, and check that both give the same bits.

`python benchmarks/plain.py` uses m = 100, K = 83 and seq_length = 25. It prints CPU time on one core, as the median of
turns in which both implementations alternate.
"""

import statistics
import time

import numpy as np
from text import CLIP, ETA, SEQ_LENGTH

from charloom.core.kernel.advance import advance
from charloom.core.network.adagrad import AdaGrad
from charloom.core.network.recipe import Recipe
from charloom.core.network.state import initial_state
from charloom.signature import plain

M, K, UPDATES, TURNS = 100, 83, 300, 9


def main(dtype: str) -> None:
    """Print the microseconds per update of both implementations."""
    ids = np.random.default_rng(1).integers(0, K, UPDATES * SEQ_LENGTH + 1).astype(np.uint8)
    recipe = Recipe(M, SEQ_LENGTH, 0.01, CLIP, dtype, AdaGrad(ETA, 1.0))

    def in_plain_loops() -> bytes:
        state = initial_state(recipe, K, seed=1)
        h = state.h
        for update in range(UPDATES):
            at = update * SEQ_LENGTH
            x, y = ids[at : at + SEQ_LENGTH, None], ids[at + 1 : at + SEQ_LENGTH + 1, None]
            _, passed = plain.passes(state.theta, x, y, h, recipe)
            recipe.step(state.theta, state.accumulators, plain.gradients_of(state.theta, passed, dtype), update)
            h = passed.h[-1:]
        return state.theta.flat.tobytes()

    def by_the_kernel() -> bytes:
        rows = advance(initial_state(recipe, K, seed=1), ids, UPDATES, recipe)
        return rows.after.theta.flat.tobytes()

    ways = {"plain loops": in_plain_loops, "kernel": by_the_kernel}
    if in_plain_loops() != by_the_kernel():
        raise SystemExit("the weights differ")
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TURNS):
        for name, way in ways.items():
            began = time.process_time()
            way()
            times[name].append((time.process_time() - began) / UPDATES * 1e6)
    print(dtype, {name: f"{statistics.median(values):.1f} µs" for name, values in times.items()})


if __name__ == "__main__":
    for dtype in ("float64", "float32"):
        main(dtype)
