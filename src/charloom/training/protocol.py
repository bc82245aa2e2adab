"""One training from its start, or from where it was stopped, to its result files."""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from charloom.base.errors import Diverged
from charloom.base.progress import progress
from charloom.base.signals import Stopped, deferred
from charloom.base.storage import write, write_json, write_table
from charloom.base.types import Array
from charloom.kernel.advance import Rows, TrainState, advance, start
from charloom.kernel.gradient_statistics import STATISTICS_EVERY
from charloom.model.model_file import Model, model_bytes
from charloom.model.scoring import bits_per_character
from charloom.network.rnn import Parameters
from charloom.results.identity import results_hash
from charloom.results.records import MEASURE_OF_PART, STATISTICS, ResultsRecord, TrainMetrics
from charloom.settings.params import Params
from charloom.text.corpus import Text
from charloom.training import resume
from charloom.training.loop import block, train
from charloom.training.trace import EMPTY, EVERY, Trace, columns, epoch_means, extended, points

TRAINED_FOR_EACH_READ = 32  # characters between two checkpoints for each that is read at one: 1 % of the time


class Trained(NamedTuple):
    """A training that ended: its last row, the trace of all rows, and by update what held-out text cost."""

    rows: Rows
    trace: Trace
    held_out: dict[int, float]


class Block(NamedTuple):
    """A block of rows: the trace without them and with them, and what held-out text cost a checkpoint at the first.

    held_out  in bits per character; None if no checkpoint is due, and as `held_out_along` says
    """

    rows: Rows
    before: Trace
    trace: Trace
    held_out: float | None


class Training(NamedTuple):
    """What is trained on what.

    save_to  the folder of its resume state
    settings everything that it depends on: params by name, files by their SHA-256
    """

    params: Params
    text: Text
    save_to: Path
    settings: resume.Settings

    @property
    def epoch(self) -> int:
        """Return the updates in an epoch."""
        return self.params.recipe.epoch(len(self.text.training))

    @property
    def every(self) -> tuple[int, ...]:
        """Return of which updates a block of rows starts at each multiple."""
        return (block(self.params.recipe, len(self.text.vocabulary)), self.params.train.checkpoint_every)

    def initial(self) -> TrainState:
        """Return the state before the first update."""
        return start(self.params.recipe, len(self.text.vocabulary), self.params.seed)

    def blocks(
        self, state: TrainState, trace: Trace, updates: int, every: tuple[int, ...] = (), threads: int | None = None
    ) -> Iterator[Block]:
        """Train from the state to so many updates, a block of rows at a time.

        trace    of the updates before the state
        every    a block also starts at each multiple of these
        threads  see `advance`

        Raises Diverged as `train` does.
        """
        recipe, section = self.params.recipe, self.params.train
        for rows in train(state, self.text.training, updates, (*self.every, *every), recipe, threads):
            due = rows.state.update % section.checkpoint_every == 0
            bits = self.held_out_along(rows.state) if due else None
            before, trace = trace, extended(trace, rows, self.epoch, section.target_smooth_loss)
            yield Block(rows, before, trace, bits)

    def held_out(self, theta: Parameters, h: Array) -> float | None:
        """Return what the held-out characters that the measure reads cost a model.

        In bits per character; None where they are too few.
        """
        return bits_per_character(theta, self.text.held_out, h, self.params.train.held_out_characters)

    def held_out_along(self, state: TrainState) -> float | None:
        """Return what the first of them cost a checkpoint: so few that all together cost less than a twentieth of the
        training. None where that is infinite, too: with huge weights a training may go on beyond.
        """
        each = self.params.train
        most = min(each.checkpoint_every * self.params.characters // TRAINED_FOR_EACH_READ, each.held_out_characters)
        bits = bits_per_character(state.theta, self.text.held_out, state.carried, most)
        return bits if bits is None or math.isfinite(bits) else None

    def model(self, update: int, smooth_loss: float, theta: Parameters, h: Array) -> Model:
        """Return the model after so many updates, with the state and the character with which training would go on."""
        ids, params = self.text.training, self.params
        place = params.recipe.places(update, 1, len(ids), params.seed)[0][0, -1]
        return Model(theta, h, int(ids[place : place + 1][0]), self.text.vocabulary, update, smooth_loss)


def run(training: Training, checkpoints_to: Path, log: Callable[[Iterable[tuple[str, int, float]]], None]) -> Trained:
    """Train; write a checkpoint whenever one is due, and give each point of the trace to `log`.

    Raises Stopped where a signal came, Diverged at the first number that is not finite. Both leave a resume state.
    """
    params, text, folder, settings = training
    each = params.train
    state, trace, checkpoints = training.initial(), EMPTY, dict[str, resume.Checkpoint]()
    if resumed := resume.load(folder, settings, state, training.epoch):
        state, trace, checkpoints = resumed
        for name in checkpoints:
            write(checkpoints_to / name, (folder / name).read_bytes())
        print(f"resumed at update {state.update}", flush=True)
    elif reason := resume.why_not_resumed(folder, settings):
        print(reason, flush=True)

    with suppress(Diverged):  # compiles, while a signal still ends the stage at once
        advance(state, text.training, 1, params.recipe)
    training.held_out_along(state)  # compiles, too
    try:
        with progress("train", each.updates) as report, deferred() as received:
            for rows, before, trace, bits in training.blocks(state, trace, each.updates, (each.save_every,)):  # noqa: B020  the trace so far goes in
                state, smooth, along = rows.state, float(rows.smooth_losses[0]), list(points(rows))
                if state.update % each.checkpoint_every == 0:
                    name = f"{state.update:0{len(str(each.updates))}}.npz"
                    content = model_bytes(training.model(state.update, smooth, state.theta, state.carried))
                    write(folder / name, content)
                    write(checkpoints_to / name, content)
                    checkpoints[name] = resume.Checkpoint(hashlib.sha256(content).hexdigest(), bits)
                    if bits is not None:
                        along.append((MEASURE_OF_PART, state.update, bits))
                log(along)
                report(state.update, f"smooth loss {smooth:.3f}")
                # The step after the last row is never taken: the last state is the one before it.
                saved = (state, before) if state.update == each.updates else (rows.after, trace)
                if received or saved[0].update % each.save_every == 0 or state.update == each.updates:
                    resume.save(folder, settings, *saved, checkpoints)
                if received:
                    break
    except Diverged as diverged:
        resume.save(folder, settings, diverged.state, trace, checkpoints)
        raise
    if received:
        raise Stopped(received[0])
    held_out = {int(Path(name).stem): kept.held_out for name, kept in checkpoints.items()}
    return Trained(rows, trace, {update: bits for update, bits in held_out.items() if bits is not None})


def write_results(training: Training, trained: Trained, path: dict[str, Path]) -> tuple[TrainMetrics, str]:
    """Write the models, the tables, the metrics and the hash of the results; return the last two."""
    rows, trace, held_out = trained
    last, best, smooth = rows.state, rows.best, float(rows.smooth_losses[-1])
    write(path["models/last"], model_bytes(training.model(last.update, smooth, last.theta, last.carried)))
    write(path["models/best"], model_bytes(training.model(best.update, best.smooth_loss, best.theta, best.h)))
    write_trace(trace, path)
    means = epoch_means(trace, training.epoch)
    write_table(path["plots/epoch_means"], ("epoch_mean",), {update: (mean,) for update, mean in means.items()})
    write_table(path["plots/held_out"], (MEASURE_OF_PART,), {update: (bits,) for update, bits in held_out.items()})
    metrics = metrics_of(training, trained)
    results = ResultsRecord(results=hash_of(trained))
    write_json(path["metrics/train"], metrics.model_dump())
    write_json(path["metrics/results"], results.model_dump())
    return metrics, results.results


def write_trace(trace: Trace, path: dict[str, Path]) -> None:
    """Write the tables that have rows from the first update on."""
    for name, columns_of, every, table in (
        ("smooth_loss", ("smooth_loss",), EVERY, trace.smooth_losses[:, None]),
        ("first_losses", ("loss",), 1, trace.losses[:, None]),
        ("measures", STATISTICS, STATISTICS_EVERY, trace.statistics),
    ):
        write_table(path[f"plots/{name}"], columns_of, {n * every: row for n, row in enumerate(table)})


def hash_of(trained: Trained) -> str:
    """Return the hash of the results."""
    last, best = trained.rows.state.theta, trained.rows.best.theta
    return results_hash(last.flat, best.flat, columns(trained.trace))


def metrics_of(training: Training, trained: Trained) -> TrainMetrics:
    """Return what the last and the best model come to: losses, and what the held-out text costs them.

    Raises Diverged where such a cost is no finite number.
    """
    rows, trace, held_out = trained
    last, best, smooth = rows.state, rows.best, float(rows.smooth_losses[-1])
    lowest = min(held_out, key=held_out.__getitem__, default=None)
    bits, best_bits = training.held_out(last.theta, last.carried), training.held_out(best.theta, best.h)
    if not all(math.isfinite(each) for each in (bits, best_bits) if each is not None):
        what = "what held-out text costs is no finite number; a smaller eta may help"
        raise Diverged(f"training diverged at update {last.update}: {what}", last)
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
