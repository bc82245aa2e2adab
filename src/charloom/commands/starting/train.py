"""train: the loop over the text, models, measures, and a run in MLflow."""

from charloom.core.runtime.program import run_command  # isort: skip  first: NumPy then has one thread

import csv
import math
import os
from itertools import pairwise
from pathlib import Path

import mlflow
import numpy as np

from charloom.core.base.errors import CheckFailed, Diverged
from charloom.core.base.storage import whole, write_json, write_table
from charloom.core.settings.pipeline import root
from charloom.core.text.corpus import read_prepared

import reference
from model import load, read_params

EVERY = 100  # updates between two points of the curve


def graded(params, model):
    """Return whether `charloom grade` found nothing wrong. Raises CheckFailed, with its sentence, at a closed gate."""
    (row,) = csv.DictReader(Path("metrics/grade.csv").read_text(encoding="utf-8").splitlines())
    right = row["gradients"] == "right" and "wrong" not in row.values()
    if params.only_if_right and not right:
        hint = "; grade knows no other network: see docs/your_model.md" if model.start is not reference.start else ""
        raise CheckFailed(f"{params.program}: {row['findings']} (only_if_right in params.yaml is true{hint})")
    return right


def training(model, text, params):
    """Yield (update, smooth loss, weights, state, next id) before each update, and after the last one.

    The text is read from front to back. A sequence continues from the state of the one before it; the first one of an
    epoch starts from the first state. Raises Diverged if a loss is not finite.
    """
    ids, T, clip = text.training.astype(int), params.seq_length, params.clip or math.inf
    weights, first = model.start(params.m, len(text.vocabulary), params.sigma, np.random.default_rng(params.seed))
    at, h, memory, smooth = 0, first, None, None
    for update in range(params.updates + 1):
        if at + T >= len(ids):
            at, h = 0, first
        loss, gradients, last = model.gradients(weights, h, ids[at : at + T], ids[at + 1 : at + T + 1])
        smooth = loss if smooth is None else 0.999 * smooth + 0.001 * loss
        if not math.isfinite(smooth):
            raise Diverged(f"training diverged: the loss of update {update} is {loss}; a smaller eta may help")
        yield update, smooth, weights, h, ids[at]
        if update < params.updates:  # the last loss belongs to the final weights
            clipped = {name: np.clip(g, -clip, clip) for name, g in gradients.items()}
            weights, memory = model.step(weights, clipped, memory, update + 1)
            at, h = at + T, last


def held_out_bits(model, weights, h, text, params):
    """Return the mean cost, in bits per character, of the beginning of the held-out text, read from the state h."""
    costs = []
    for x, y in pairwise(text.held_out[: params.held_out_characters].tolist()):
        p, h = model.following(weights, h, x)
        costs.append(-math.log2(max(p[y], 1e-300)))
    return math.fsum(costs) / len(costs)


def record(params, curves, right, whose):
    """Log a run in MLFLOW_TRACKING_URI, by default the file mlflow.db. If MLflow fails, only print why."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{root() / 'mlflow.db'}")
    try:
        mlflow.set_experiment(root().name)
        name = os.environ.get("DVC_EXP_NAME") or f"{Path(params.program).stem} eta={params.eta} seed={params.seed}"
        with mlflow.start_run(run_name=name):
            mlflow.set_tags({"grade": "right" if right else "gate open: wrong or not graded", "functions": whose})
            mlflow.log_params(params.model_dump())
            for name, curve in curves.items():
                for update, value in curve.items():
                    mlflow.log_metric(name, value, step=update)
    except Exception as error:  # noqa: BLE001  whatever a store raises: the results count
        print(f"not in MLflow: {error}".splitlines()[0])


def main():
    """Train, and write models/, plots/ and metrics/train.json."""
    params, text = read_params(), read_prepared(Path("data/prepared.npz"))
    model = load(params, params.program)
    right = graded(params, model)
    print(model.whose, flush=True)
    curves = {"smooth_loss": {}, "held_out_bits_per_character": {}}
    smooth_losses, held_out = curves.values()
    for update, smooth, weights, h, x in training(model, text, params):
        if update % EVERY == 0 or update == params.updates:
            smooth_losses[update] = smooth
        if update % params.checkpoint_every == 0 or update == params.updates:
            held_out[update] = held_out_bits(model, weights, h, text, params)
            with whole(Path(f"models/{update:09}.npz")) as file:
                np.savez(file, **weights, state=h, next_id=x)
            print(f"update {update:,}: smooth loss {smooth:.3f}, held-out bits {held_out[update]:.3f}", flush=True)
    for name, curve in curves.items():
        write_table(Path(f"plots/{name}.csv"), (name,), {update: (value,) for update, value in curve.items()})
    write_json(Path("metrics/train.json"), {name: curve[params.updates] for name, curve in curves.items()})
    record(params, curves, right, model.whose)


if __name__ == "__main__":
    run_command(main)
