"""train: the loop over the data, the last model, and the curve of the smooth loss."""

from common import functions, read_params, save, seeded  # isort: skip  first: NumPy then reads its variables

import json
import math
from pathlib import Path

import numpy as np


class Diverged(SystemExit):
    """Training reached a loss that is not finite."""


def training(model, weights, first, x, y, seq_length, updates):
    """Yield update, loss, weights, state and the number of the next row, before each update and after the last one.

    The rows are read from front to back. A sequence continues from the last state of the sequence before it; the
    first one of an epoch starts from the state `first`.
    """
    at, state, memory = 0, first, None
    if len(x) < seq_length:
        raise SystemExit(f"params.yaml: seq_length: {seq_length} is not allowed: {len(x)} rows are for training")
    for update in range(updates + 1):
        if at + seq_length > len(x):
            at, state = 0, first
        rows = slice(at, at + seq_length)
        loss, gradients, last = model.gradients(weights, state, x[rows], y[rows])
        if not math.isfinite(loss):
            raise Diverged(f"training diverged: the loss of update {update} is {loss}; a smaller eta may help")
        yield update, float(loss), weights, state, at
        if update < updates:  # the last loss belongs to the last weights
            weights, memory = model.step(weights, gradients, memory, update + 1)
            at, state = at + seq_length, last


def trained(params, data):
    """Return the smooth loss by update, and the arrays of the last model, with the next input x."""
    model = functions(params, ("seed", "seq_length", "updates", "curve_every"), "start", "gradients", "step")
    x, y, length = data["x"], data["y"], params["seq_length"]
    weights, first = model.start(len(data["vocabulary"]), x[:length], seeded(params["seed"]))
    curve, smooth = {}, None
    seeded(params["seed"])
    for update, loss, *last in training(model, weights, first, x, y, length, params["updates"]):  # noqa: B007
        smooth = loss if smooth is None else 0.999 * smooth + 0.001 * loss
        if update % params["curve_every"] == 0 or update == params["updates"]:
            curve[update] = smooth
    weights, state, at = last
    arrays = {"state": state, "x": x[at : at + 1], "vocabulary": data["vocabulary"]}
    return curve, arrays | {f"weights.{name}": w for name, w in weights.items()}


if __name__ == "__main__":
    curve, model = trained(read_params("train"), np.load("data/prepared.npz"))
    rows = [f"{update},{smooth}" for update, smooth in curve.items()]
    save("plots/smooth_loss.csv", "\n".join(["update,smooth_loss", *rows, ""]))
    save("metrics/train.json", json.dumps({"smooth_loss": [*curve.values()][-1]}) + "\n")
    Path("models").mkdir(exist_ok=True)
    np.savez("models/last.npz", **model)
