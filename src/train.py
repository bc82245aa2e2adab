"""train: the report's protocol, from a checked gradient to a trace, checkpoints, last and best model."""

import csv
import io
import math
from pathlib import Path

import charloom.environment  # noqa: F401  first: a foreign Python is refused in a line

import numpy as np

from charloom.checkpoint import Model, write_model
from charloom.corpus import read_ids
from charloom.errors import CheckFailed
from charloom.fingerprint import fingerprint
from charloom.params import read_params
from charloom.pipeline import files, read_json, run, write, write_json
from charloom.progress import progress
from charloom.rnn import Array, Parameters, init
from charloom.tracking import Live
from charloom.training import cross_entropy, epoch_means, position, sequences, start, train
from charloom.vocabulary import read_vocabulary

TRACE_EVERY = 100
BLOCK = 1000  # updates between looks at the clock


def main() -> None:
    """Train, and write what the run is."""
    params = read_params()
    path = files("train")
    if read_json(path["metrics/gradcheck"])["passed"] is not True:
        raise CheckFailed(f"{path['metrics/gradcheck']}: the gradient check has not passed; no training without it")
    vocabulary = read_vocabulary(path["prepared/vocabulary"])
    K = len(vocabulary)
    ids, held_out = np.asarray(read_ids(path["prepared/training"], K)), read_ids(path["prepared/held_out"], K)

    def model(update: int, smooth_loss: float, theta: Parameters, h: Array) -> Model:
        first = int(ids[position(update, len(ids), params.seq_length)])
        return Model(theta, h, first, vocabulary, update, smooth_loss)

    drawn = init(params.m, K, params.sigma, np.random.default_rng(params.seed))
    theta = Parameters(drawn.flat.astype(params.train.dtype), params.m, K)
    blocks = train(
        start(theta, params.train.initial_accumulator_value),
        ids,
        params.train.updates,
        (BLOCK, params.train.checkpoint_every),
        seq_length=params.seq_length,
        eta=params.eta,
        clip=params.train.clip,
    )
    live = Live(fingerprint(params, Path("src")), params, "smooth_loss")
    losses, smooth_losses = [], []
    with progress("train", params.train.updates) as report:
        for rows in blocks:
            state, smooth = rows.state, float(rows.smooth_losses[0])
            losses.append(rows.losses)
            smooth_losses.append(rows.smooth_losses)
            if state.update % params.train.checkpoint_every == 0:
                name = f"{state.update:0{len(str(params.train.updates))}}.npz"
                write_model(path["models/checkpoints"] / name, model(state.update, smooth, state.theta, state.h))
            for update in range(-state.update % TRACE_EVERY, len(rows.losses), TRACE_EVERY):
                live.point(state.update + update, float(rows.smooth_losses[update]))
            report(state.update, f"smooth loss {smooth:.3f}")
    live.flush()

    last, best = rows.state, rows.best
    loss, smooth_loss = np.concatenate(losses), np.concatenate(smooth_losses)
    write_model(path["models/last"], model(last.update, float(smooth_loss[-1]), last.theta, last.h))
    write_model(path["models/best"], model(best.update, best.smooth_loss, best.theta, best.h))
    write(path["plots/smooth_loss"], _csv("smooth_loss", smooth_loss, TRACE_EVERY))
    write(path["plots/first_losses"], _csv("loss", loss[:100], 1))
    below = np.flatnonzero(smooth_loss < params.train.target_smooth_loss)
    metrics = {
        "updates": last.update,
        "updates_per_epoch": sequences(len(ids), params.seq_length),
        "smooth_loss": float(smooth_loss[-1]),
        "best_smooth_loss": best.smooth_loss,
        "best_update": best.update,
        "best_position": position(best.update, len(ids), params.seq_length),
        "first_update_below_target": int(below[0]) if len(below) else None,
        "held_out_bits_per_character": _bits(cross_entropy(last.theta, held_out)),
        "best_held_out_bits_per_character": _bits(cross_entropy(best.theta, held_out)),
        "epoch_mean": {
            str(epoch): mean for epoch, mean in enumerate(epoch_means(loss, len(ids), params.seq_length), start=1)
        },
    }
    write_json(path["metrics/train"], metrics)
    print(f"smooth loss {smooth_loss[-1]:.3f}, lowest {best.smooth_loss:.3f} after {best.update:,} updates")


def _csv(column: str, values: Array, every: int) -> str:
    """Return rows `update,column` for every so manyth update, numbers in full."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["update", column])
    writer.writerows((update, repr(float(values[update]))) for update in range(0, len(values), every))
    return table.getvalue()


def _bits(nats: float | None) -> float | None:
    return None if nats is None else nats / math.log(2)


run(main)
