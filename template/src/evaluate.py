"""evaluate: the cost of the held-out part, and a sample."""

from common import functions, read_params, save, seeded  # isort: skip  first: NumPy then reads its variables

import json
import math

import numpy as np

ROWS = 1000  # of the held-out part, read at once


def weights_of(arrays):
    """Return the weights of a model's file by name."""
    return {name.removeprefix("weights."): arrays[name] for name in arrays if name.startswith("weights.")}


def evaluated(params, data, arrays):
    """Return the mean cost of a held-out target in bits, and the ids that the model writes after training."""
    model = functions(params, ("seed",), "loss", "write")
    weights, state, x, y, total = weights_of(arrays), arrays["state"], data["held_out_x"], data["held_out_y"], 0.0
    seeded(params["seed"])
    for at in range(0, len(x), ROWS):
        loss, state = model.loss(weights, state, x[at : at + ROWS], y[at : at + ROWS])
        total += float(loss)
    ids = model.write(weights, arrays["state"], arrays["x"], seeded(params["seed"]))
    return total / len(x) / math.log(2), ids


if __name__ == "__main__":
    data = dict(np.load("data/prepared.npz"))
    bits, ids = evaluated(read_params("evaluate"), data, dict(np.load("models/last.npz")))
    save("metrics/held_out.json", json.dumps({"held_out_bits": bits}) + "\n")
    save("sample.txt", "".join(data["vocabulary"][ids]) + "\n")
    print(f"held out: {bits:.3f} bits for each target (a uniform guess: {math.log2(len(data['vocabulary'])):.3f})")
