"""sample: a text from each model, in samples.txt."""

from charloom.core.runtime.program import run_command  # isort: skip  first: NumPy then has one thread

from pathlib import Path

import numpy as np

from charloom.core.base.storage import write
from charloom.core.text.corpus import read_prepared

from model import load, read_params


def drawn(model, weights, h, x, n, rng):
    """Return n ids that follow the id x."""
    ids = [x]
    for _ in range(n):
        p, h = model.following(weights, h, ids[-1])
        ids.append(rng.choice(len(p), p=p / p.sum()))
    return ids[1:]


def main():
    """Write samples.txt. The program's own `sample` is used if it has one."""
    params, texts = read_params(), ""
    model, vocabulary = load(params, params.program), read_prepared(Path("data/prepared.npz")).vocabulary
    for file in sorted(Path("models").glob("*.npz")):
        weights, update = dict(np.load(file)), int(file.stem)
        given = weights, weights.pop("state"), int(weights.pop("next_id")), params.sample_length
        rng = np.random.default_rng([params.seed, update])
        ids = model.sample(*given, rng) if hasattr(model, "sample") else drawn(model, *given, rng)
        texts += f"==> after {update:,} updates <==\n{vocabulary.decode(ids)}\n\n"
    write(Path("samples.txt"), texts)


run_command(main)
