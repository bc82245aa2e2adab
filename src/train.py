"""train: the report's protocol, from a checked gradient to a trace, checkpoints, last and best model."""

import hashlib
from contextlib import suppress
from pathlib import Path

import charloom.environment  # noqa: F401  first: a foreign Python is refused in a line

import numpy as np

from charloom import pending, resume
from charloom.checkpoint import Model, model_bytes, write_model
from charloom.corpus import Text, read_prepared
from charloom.errors import CharloomError, CheckFailed, Diverged
from charloom.fingerprint import fingerprint
from charloom.live import Live
from charloom.lock import exclusive
from charloom.measures import MEASURED_EVERY
from charloom.params import Params, flat, read_params
from charloom.pipeline import OWN, declared, files, root, stage
from charloom.progress import progress
from charloom.records import MEASURES, Gradcheck, Train
from charloom.rnn import Array, Parameters, init
from charloom.room import check_disk, check_memory, training_disk, training_memory
from charloom.scoring import bits_per_character
from charloom.signals import Stopped, deferred
from charloom.storage import read_json, sha256, write, write_json, write_table
from charloom.trace import EMPTY, EVERY, Trace, epoch_means, extended, points
from charloom.training import Rows, advance, block, position, sequences, start, train


def main() -> None:
    """Check that there is room, and that nobody else is at this training; train; forget the way there."""
    params = read_params()
    path = files("train")
    if not read_json(path["metrics/gradcheck"], Gradcheck).passed:
        raise CheckFailed(f"{path['metrics/gradcheck']}: the gradient check has not passed; no training without it")
    text = read_prepared(path["prepared/text"])
    text.check(path["prepared/text"], params.seq_length)
    K, m, dtype = len(text.vocabulary), params.m, params.train.dtype
    needed = training_memory(m, K, params.seq_length, len(text.training), dtype)
    check_memory(needed, f"training with m = {m}, seq_length = {params.seq_length} and K = {K}")
    settings = _settings(params)
    folder = root() / OWN / "train" / resume.key(settings)
    with exclusive(folder.with_suffix(".lock"), "this training"):
        outputs, resuming = training_disk(m, K, params.train.updates, params.train.checkpoint_every, dtype)
        results = {path[name].parent: 0 for name in ("metrics/train", "plots/smooth_loss")}
        results |= {path["models/last"].parent: outputs, root() / OWN: resuming - resume.taken(folder)}
        check_disk(results)
        live = Live(name := fingerprint(params, Path("src")), params)
        try:
            rows, trace = _train(params, path, text, folder, settings, live)
            _write_results(params, path, text, rows, trace)
        except Stopped:
            live.end("KILLED")
            raise
        except (CharloomError, OSError, MemoryError):
            live.end("FAILED")
            raise
        pending.trained(name)
        live.end("FINISHED")  # whether `track` runs is not ours to say; it completes the run
        resume.forget(folder)  # a forced run is to train again


def _settings(params: Params) -> resume.Settings:
    """Return everything that dvc.yaml lets this stage depend on: values of params, hashes of files."""
    entry = declared("train")
    dumped = params.model_dump()
    return dict(flat({name: dumped[name] for name in entry["params"]})) | {
        file: sha256(Path(file)) for file in entry["deps"]
    }


def _model(params: Params, text: Text, update: int, smooth_loss: float, theta: Parameters, h: Array) -> Model:
    first = int(text.training[position(update, len(text.training), params.seq_length)])
    return Model(theta, h, first, text.vocabulary, update, smooth_loss)


def _train(
    params: Params, path: dict[str, Path], text: Text, folder: Path, settings: resume.Settings, live: Live
) -> tuple[Rows, Trace]:
    """Train, from where it was stopped if it was; write the checkpoints, and return the last row and the trace."""
    ids, each = text.training, params.train
    epoch = sequences(len(ids), params.seq_length)
    drawn = init(params.m, len(text.vocabulary), params.sigma, np.random.default_rng(params.seed))
    state = start(Parameters(drawn.flat.astype(each.dtype), drawn.m, drawn.K), each.initial_accumulator_value)
    trace, checkpoints = EMPTY, dict[str, str]()
    if resumed := resume.load(folder, settings, state, epoch):
        state, trace, checkpoints = resumed
        for name in checkpoints:
            write(path["models/checkpoints"] / name, (folder / name).read_bytes())
        print(f"resumed at update {state.update}", flush=True)
    elif reason := resume.unlike(folder, settings):
        print(reason, flush=True)

    every = (block(drawn.m, drawn.K, params.seq_length), each.checkpoint_every, each.save_every)
    with suppress(Diverged):  # compiles, while a signal still ends the stage at once
        advance(state, ids, 1, seq_length=params.seq_length, eta=params.eta, clip=each.clip)
    blocks = train(state, ids, each.updates, every, seq_length=params.seq_length, eta=params.eta, clip=each.clip)
    try:
        with progress("train", each.updates) as report, deferred() as received:
            for rows in blocks:
                state, smooth = rows.state, float(rows.smooth_losses[0])
                if state.update % each.checkpoint_every == 0:
                    name = f"{state.update:0{len(str(each.updates))}}.npz"
                    content = model_bytes(_model(params, text, state.update, smooth, state.theta, state.h))
                    write(folder / name, content)
                    checkpoints[name] = hashlib.sha256(content).hexdigest()
                    write(path["models/checkpoints"] / name, content)
                for point in points(rows):
                    live.point(*point)
                before, trace = trace, extended(trace, rows, epoch, each.target_smooth_loss)
                report(state.update, f"smooth loss {smooth:.3f}")
                # The step after the last row is never taken: the last state is the one before it.
                saved = (state, before) if state.update == each.updates else (rows.after, trace)
                if received or saved[0].update % each.save_every == 0 or state.update == each.updates:
                    resume.save(folder, settings, *saved, checkpoints)
                if received:
                    raise Stopped(received[0])
    except Diverged as diverged:
        resume.save(folder, settings, diverged.state, trace, checkpoints)
        raise
    if received:
        raise Stopped(received[0])
    return rows, trace


def _write_results(params: Params, path: dict[str, Path], text: Text, rows: Rows, trace: Trace) -> None:
    """Write what the run is."""
    epoch = sequences(len(text.training), params.seq_length)
    last, best, smooth = rows.state, rows.best, float(rows.smooth_losses[-1])
    write_model(path["models/last"], _model(params, text, last.update, smooth, last.theta, last.h))
    write_model(path["models/best"], _model(params, text, best.update, best.smooth_loss, best.theta, best.h))
    write_table(path["plots/smooth_loss"], ("smooth_loss",), zip(trace.smooth_losses, strict=True), EVERY)
    write_table(path["plots/first_losses"], ("loss",), zip(trace.losses, strict=True), 1)
    write_table(path["plots/measures"], MEASURES, trace.measures, MEASURED_EVERY)
    metrics = Train(
        updates=last.update,
        updates_per_epoch=epoch,
        smooth_loss=smooth,
        best_smooth_loss=best.smooth_loss,
        best_update=best.update,
        best_position=position(best.update, len(text.training), params.seq_length),
        first_update_below_target=trace.first_below if trace.first_below >= 0 else None,
        held_out_bits_per_character=bits_per_character(last.theta, text.held_out),
        best_held_out_bits_per_character=bits_per_character(best.theta, text.held_out),
        epoch_mean=epoch_means(trace, epoch),
    )
    write_json(path["metrics/train"], metrics.model_dump())
    print(f"smooth loss {smooth:.3f}, lowest {best.smooth_loss:.3f} after {best.update:,} updates")


stage(main)
