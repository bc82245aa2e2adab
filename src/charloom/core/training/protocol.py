"""One training, from its start or a resume state to its result files."""

import hashlib
import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from charloom.core.backend.backends import BACKENDS
from charloom.core.backend.by_numpy import forward_digest, network_digest
from charloom.core.base.errors import Diverged
from charloom.core.base.progress import progress
from charloom.core.base.signals import Stopped, deferred
from charloom.core.base.storage import write, write_json, write_table
from charloom.core.base.types import Array
from charloom.core.config.params import Params
from charloom.core.config.records import PART_MEASURE, STATISTICS, ResultsRecord, TrainMetrics
from charloom.core.model.model_file import Model, model_bytes
from charloom.core.model.scoring import bits_per_character, passages
from charloom.core.network.recipe import NUMPY
from charloom.core.network.rnn import Parameters
from charloom.core.network.state import STATISTICS_EVERY, TrainState, UpdateResults, initial_state
from charloom.core.text.corpus import Text
from charloom.core.training import resume
from charloom.core.training.loop import block, train
from charloom.core.training.trace import EMPTY, EVERY, Trace, columns, epoch_means, extended, results_hash


class Trained(NamedTuple):
    """A completed training.

    rows      the last block: a single row, which has the loss of the final weights
    trace     the trace of all rows: see trace.py
    held_out  {update: cost of the held-out text in bits per character} for the checkpoints; a checkpoint whose cost is
              None is left out: see Training.held_out_along
    """

    rows: UpdateResults
    trace: Trace
    held_out: dict[int, float]


class Block(NamedTuple):
    """A block: the rows (losses and statistics) of consecutive updates, computed in one call of the backend.

    rows           the rows, with the training states before and after them
    before, trace  the trace (see trace.py) of the training before and after these rows
    held_out       the cost of held-out text at the first row, in bits per character; None if no checkpoint is due at
                   this row, or if `held_out_along` returns None
    """

    rows: UpdateResults
    before: Trace
    trace: Trace
    held_out: float | None


class Training(NamedTuple):
    """A training to run: params and text, the folder of the resume state, and the inputs that identify the training.

    save_to   the folder of the resume state: see resume.py
    inputs    values of params and SHA-256 of files, by name: see Inputs.values
    """

    params: Params
    text: Text
    save_to: Path
    inputs: resume.TrainInputs

    @property
    def epoch(self) -> int:
        """Return the number of updates in an epoch."""
        return self.params.recipe.epoch(len(self.text.training))

    @property
    def every(self) -> tuple[int, ...]:
        """Return the argument `every` of loop.train: the length of a block and checkpoint_every, in updates."""
        return (block(self.params.recipe, len(self.text.vocabulary)), self.params.train.checkpoint_every)

    def initial(self) -> TrainState:
        """Return the state before the first update."""
        return initial_state(self.params.recipe, len(self.text.vocabulary), self.params.seed)

    def blocks(
        self, state: TrainState, trace: Trace, updates: int, every: tuple[int, ...] = (), threads: int | None = None
    ) -> Iterator[Block]:
        """Train from `state` to update number `updates`, and yield the training in blocks: see Block.

        trace    the trace of the rows before `state`
        every    further numbers of updates: a block also starts at each multiple of each number
        threads  number of threads of the kernel; None: the kernel chooses it

        Raises Diverged as `train` does.
        """
        recipe, section = self.params.recipe, self.params.train
        for rows in train(state, self.text.training, updates, (*self.every, *every), recipe, threads):
            bits = self.held_out_along(rows.state) if rows.state.update % section.checkpoint_every == 0 else None
            before, trace = trace, extended(trace, rows, self.epoch, section.target_smooth_loss)
            yield Block(rows, before, trace, bits)

    def held_out(self, theta: Parameters, h: Array) -> float | None:
        """Return the cost of the held-out text under the weights `theta`, in bits per character.

        Reading starts with the hidden state h (m,). At most train.held_out_characters characters are read. Returns None
        if the held-out text has fewer than two characters.
        """
        most = self.params.train.held_out_characters
        return bits_per_character(theta, self.text.held_out, h, self.params.backend, most)

    def passages(self, theta: Parameters, h: Array) -> tuple[float, ...]:
        """Return the cost of each passage of the held-out text under `theta`, in bits per character.

        A passage is one of PASSAGES consecutive parts: see scoring.passages. Reading starts with the hidden state
        h (m,). At most train.held_out_characters characters are read.
        """
        return passages(theta, self.text.held_out[: self.params.train.held_out_characters], h, self.params.backend)

    def held_out_along(self, state: TrainState) -> float | None:
        """Return the cost of the first part of the held-out text under a checkpoint's weights, in bits per character.

        state  the training state at the checkpoint

        Returns None if the part has fewer than two characters. Returns None also if the cost is not finite, because a
        training can continue with weights that are too large.
        """
        of, part = self.text.held_out, self.params.part_length
        bits = bits_per_character(state.theta, of, state.carried, self.params.backend, part)
        return bits if bits is None or math.isfinite(bits) else None

    def model(self, update: int, smooth_loss: float, theta: Parameters, h: Array) -> Model:
        """Return the model with the weights `theta` after `update` updates.

        The model also has the hidden state h (m,) and the first character of the sequence that the training reads next.
        With batch > 1 this is the last sequence of the next batch.
        """
        ids, params = self.text.training, self.params
        place = params.recipe.places(update, 1, len(ids), params.seed)[0][0, -1]
        numpy_fields = (NUMPY, forward_digest(params.train.dtype)) if params.backend == NUMPY else ()
        first = int(ids[place : place + 1][0])
        return Model(theta, h, first, self.text.vocabulary, update, smooth_loss, *numpy_fields)


def run_training(training: Training, checkpoints_to: Path) -> Trained:
    """Train from the first update, or from the resume state if one is saved; write the checkpoints, show progress.

    checkpoints_to  folder for the checkpoints' models

    Raises Stopped after a signal, Diverged at the first number that is not finite. In both cases a resume state is
    saved first, unless no update was done. Raises Damaged if all resume states are damaged.
    """
    params, text, folder, settings = training
    section = params.train
    state, trace, checkpoints = training.initial(), EMPTY, dict[str, resume.Checkpoint]()
    if resumed := resume.load(folder, settings, state, training.epoch):
        state, trace, checkpoints = resumed
        for name in checkpoints:
            write(checkpoints_to / name, (folder / name).read_bytes())
        print(f"resumed at update {state.update}", flush=True)
    elif line := resume.tidy(folder, settings):
        print(line, flush=True)

    with suppress(Diverged):  # compile before signals are deferred, so that a signal ends the stage immediately
        BACKENDS[params.backend].advance(state, text.training, 1, params.recipe)
    training.held_out_along(state)  # compile, too
    try:
        with progress("train", section.updates, before=state.update) as report, deferred() as received:
            for rows, before, trace, bits in training.blocks(state, trace, section.updates, (section.save_every,)):  # noqa: B020  the trace so far goes in
                state, smooth = rows.state, float(rows.smooth_losses[0])
                if state.update % section.checkpoint_every == 0:
                    name = f"{state.update:0{len(str(section.updates))}}.npz"
                    content = model_bytes(training.model(state.update, smooth, state.theta, state.carried))
                    write(folder / name, content)
                    write(checkpoints_to / name, content)
                    checkpoints[name] = resume.Checkpoint(hashlib.sha256(content).hexdigest(), bits)
                report(state.update, f"smooth loss {smooth:.3f}")
                # The step of the last row is never taken, so the state before that row is saved.
                saved = (state, before) if state.update == section.updates else (rows.after, trace)
                if received or saved[0].update % section.save_every == 0 or state.update == section.updates:
                    resume.save(folder, settings, *saved, checkpoints)
                if received:
                    break
    except Diverged as diverged:
        resume.save(folder, settings, diverged.state, trace, checkpoints)
        raise
    if received:
        raise Stopped(received[0])
    held_out = {int(Path(name).stem): checkpoint.held_out for name, checkpoint in checkpoints.items()}
    return Trained(rows, trace, {update: bits for update, bits in held_out.items() if bits is not None})


def write_results(training: Training, trained: Trained, path: dict[str, Path]) -> tuple[TrainMetrics, str]:
    """Write the models, the tables, the metrics and the hash of the results; return the metrics and the hash.

    path  the paths of the files, by folder and stem: see pipeline.Files

    Raises Diverged, as `metrics_of` does.
    """
    rows, trace, held_out = trained
    last, best, smooth = rows.state, rows.best, float(rows.smooth_losses[-1])
    write(path["models/last"], model_bytes(training.model(last.update, smooth, last.theta, last.carried)))
    write(path["models/best"], model_bytes(training.model(best.update, best.smooth_loss, best.theta, best.h)))
    write_trace(trace, path)
    means = epoch_means(trace, training.epoch)
    write_table(path["plots/epoch_means"], ("epoch_mean",), {update: (mean,) for update, mean in means.items()})
    write_table(path["plots/held_out"], (PART_MEASURE,), {update: (bits,) for update, bits in held_out.items()})
    metrics = metrics_of(training, trained)
    results = ResultsRecord(results=hash_of(trained), network=network_digest(training.params.recipe.kind))
    write_json(path["metrics/train"], metrics.model_dump())
    write_json(path["metrics/results"], results.model_dump(exclude_defaults=True))
    return metrics, results.results


def write_trace(trace: Trace, path: dict[str, Path]) -> None:
    """Write the trace to smooth_loss.csv, first_losses.csv and measures.csv in plots/. `path`: see write_results."""
    for name, columns_of, every, table in (
        ("smooth_loss", ("smooth_loss",), EVERY, trace.smooth_losses[:, None]),
        ("first_losses", ("loss",), 1, trace.losses[:, None]),
        ("measures", STATISTICS, STATISTICS_EVERY, trace.statistics),
    ):
        write_table(path[f"plots/{name}"], columns_of, {n * every: row for n, row in enumerate(table)})


def hash_of(trained: Trained) -> str:
    """Return the hash of the results, 64 hexadecimal digits: see results_hash."""
    last, best = trained.rows.state.theta, trained.rows.best.theta
    return results_hash(last.flat, best.flat, columns(trained.trace))


def metrics_of(training: Training, trained: Trained) -> TrainMetrics:
    """Measure the last and the best model on the held-out text; return all metrics: see TrainMetrics for the units.

    Raises Diverged if a held-out cost is not finite.
    """
    rows, trace, held_out = trained
    last, best, smooth = rows.state, rows.best, float(rows.smooth_losses[-1])
    lowest = min(held_out, key=held_out.__getitem__, default=None)
    bits, best_bits = training.held_out(last.theta, last.carried), training.held_out(best.theta, best.h)
    if not all(math.isfinite(cost) for cost in (bits, best_bits) if cost is not None):
        reason = "the cost of held-out text is not finite; a smaller eta may help"
        raise Diverged(f"training diverged at update {last.update}: {reason}", last)
    return TrainMetrics(
        held_out_bits_per_character=bits,
        best_held_out_bits_per_character=best_bits,
        lowest_held_out_part_bits_per_character=held_out.get(lowest) if lowest is not None else None,
        lowest_held_out_part_update=lowest,
        held_out_characters_read=min(len(training.text.held_out), training.params.train.held_out_characters),
        smooth_loss=smooth,
        best_smooth_loss=best.smooth_loss,
        best_update=best.update,
        first_update_below_target=trace.first_below if trace.first_below >= 0 else None,
        updates=last.update,
        updates_per_epoch=training.epoch,
    )
