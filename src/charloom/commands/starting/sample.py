"""sample: text from each checkpoint, in samples.txt."""

from charloom.core.runtime.program import run_command  # isort: skip  first: NumPy then has one thread

from pathlib import Path

import numpy as np

from charloom.core.base.storage import write
from charloom.core.text.corpus import read_prepared

from adapter import load
from params import read_params


def drawn(model, weights, h, x, n, rng):
    """Return n ids that follow the id x."""
    ids = [x]
    for _ in range(n):
        p, h = model.following(weights, h, ids[-1])
        ids.append(rng.choice(len(p), p=p / p.sum()))
    return ids[1:]


def main():
    """Write samples.txt."""
    params, vocabulary, texts = read_params(), read_prepared(Path("data/prepared.npz")).vocabulary, []
    model = load(params, params.program)
    for file in sorted(Path("models").glob("*.npz")):
        weights = dict(np.load(file))
        given = weights, weights.pop("state"), int(weights.pop("next_id")), params.sample_length
        rng = np.random.default_rng([params.seed, int(file.stem)])
        ids = model.sample(*given, rng) if model.sample else drawn(model, *given, rng)
        texts.append(f"==> after {int(file.stem):,} updates <==\n{vocabulary.decode(ids)}\n\n")
    write(Path("samples.txt"), "".join(texts))
    print("".join(texts[-1:]))


if __name__ == "__main__":
    run_command(main)
