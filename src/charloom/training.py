"""The training loop: a state goes in, a state comes out, and nothing is written.

Updates count from 0. Row u of the trace belongs to the weights after u updates: its loss is that of the
sequence which comes next, its smooth loss 0.999 · smooth + 0.001 · loss, starting at the first loss.

The text is read in order, one sequence per update, the hidden state carried from one to the next; when fewer
than seq_length + 1 characters remain, reading starts again with a zero state: an epoch.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from charloom import adagrad
from charloom.errors import Diverged
from charloom.rnn import Array, Parameters, filled, forward, log_softmax, loss_and_gradients


@dataclass(frozen=True, eq=False)
class Best:
    """The weights at the lowest smooth loss so far, and the hidden state carried into the next sequence."""

    update: int
    smooth_loss: float
    theta: Parameters
    h: Array


@dataclass(frozen=True, eq=False)
class TrainState:
    """Everything that the next update depends on.

    update       updates done
    theta        the weights after them
    accumulators AdaGrad's s
    h            (m,) the state carried into the next sequence
    smooth_loss  nats, of the rows before `update`; None before the first
    best         over the rows before `update`; None before the first
    """

    update: int
    theta: Parameters
    accumulators: Parameters
    h: Array
    smooth_loss: float | None = None
    best: Best | None = None


class Rows(NamedTuple):
    """Rows state.update, state.update + 1, … of the trace: losses and smooth losses in nats, the best so far."""

    state: TrainState
    losses: Array
    smooth_losses: Array
    best: Best


def start(theta: Parameters, initial_accumulator_value: float) -> TrainState:
    """Return the state before the first update."""
    accumulators = filled(initial_accumulator_value, theta.m, theta.K, theta.flat.dtype)
    return TrainState(0, theta, accumulators, np.zeros(theta.m, theta.flat.dtype))


def sequences(characters: int, seq_length: int) -> int:
    """Return the number of sequences, hence of updates, in an epoch."""
    return (characters - 1) // seq_length


def position(update: int, characters: int, seq_length: int) -> int:
    """Return where in the text the sequence of this update starts, in characters."""
    return update % sequences(characters, seq_length) * seq_length


def advance(
    state: TrainState, ids: Array, count: int, *, seq_length: int, eta: float, clip: float
) -> tuple[TrainState, Rows]:
    """Return the state `count` updates on, and the rows that it passed.

    Raises Diverged at the first loss that is not finite.
    """
    theta, s, h = state.theta.copy(), state.accumulators.copy(), state.h
    smooth, best = state.smooth_loss, state.best
    losses, smooth_losses = np.empty(count), np.empty(count)
    for row in range(count):
        update = state.update + row
        place = position(update, len(ids), seq_length)
        x, y = ids[place : place + seq_length], ids[place + 1 : place + seq_length + 1]
        loss, gradients, h_next = loss_and_gradients(theta, x, y, h)
        if not math.isfinite(loss):
            raise Diverged(f"training diverged: the loss of update {update} is {loss}; a smaller eta may help")
        smooth = loss if smooth is None else 0.999 * smooth + 0.001 * loss
        if best is None or smooth < best.smooth_loss:
            best = Best(update, smooth, theta.copy(), h)
        losses[row], smooth_losses[row] = loss, smooth
        adagrad.step(theta, gradients, s, eta, clip)
        h = h_next if position(update + 1, len(ids), seq_length) else np.zeros_like(h)
    assert best is not None  # noqa: S101  count is at least 1
    after = TrainState(state.update + count, theta, s, h, smooth, best)
    return after, Rows(state, losses, smooth_losses, best)


def train(
    state: TrainState,
    ids: Array,
    updates: int,
    every: tuple[int, ...],
    *,
    seq_length: int,
    eta: float,
    clip: float,
) -> Iterator[Rows]:
    """Yield the rows from state.update to `updates` inclusive, a block at a time.

    A block starts at each multiple of each number in `every`, with the state at its first row. The last block
    is row `updates` alone: its loss is wanted, the step that follows is not taken.
    """
    while True:
        count = min([updates - state.update, *(each - state.update % each for each in every)]) or 1
        after, rows = advance(state, ids, count, seq_length=seq_length, eta=eta, clip=clip)
        yield rows
        if state.update == updates:
            return
        state = after


def cross_entropy(theta: Parameters, ids: Array) -> float | None:
    """Return nats per character of the ids, read once from a zero state; None for fewer than two."""
    if len(ids) < 2:
        return None
    total, h = 0.0, np.zeros(theta.m, theta.flat.dtype)
    for first in range(0, len(ids) - 1, 1000):
        x, y = ids[first : first + 1000], ids[first + 1 : first + 1001]
        states, o = forward(theta, x[: len(y)], h)
        total -= float(log_softmax(o)[np.arange(len(y)), y].sum())
        h = states[-1]
    return total / (len(ids) - 1)


def epoch_means(losses: Array, characters: int, seq_length: int) -> list[float]:
    """Return the mean loss in nats of each epoch, the last of which may be unfinished."""
    each = sequences(characters, seq_length)
    return [math.fsum(epoch) / len(epoch) for epoch in np.split(losses, range(each, len(losses), each))]
