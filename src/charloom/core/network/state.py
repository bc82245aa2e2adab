"""The state of a training, and the results of some of its updates: what every backend takes and returns.

Updates count from 0. Row u belongs to the weights after u updates: its loss is that of the next sequence, and its
smooth loss is 0.999 · (smooth loss of row u − 1) + 0.001 · loss. The smooth loss of row 0 is its loss.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np

from charloom.core.base.errors import Diverged
from charloom.core.base.types import Array
from charloom.core.network.recipe import Accumulators, Recipe
from charloom.core.network.rnn import Parameters

STATISTICS_EVERY = 1000  # updates
BLOCK = 256  # characters of a text written at a time


@dataclass(frozen=True, eq=False)
class Best:
    """The weights at the lowest smooth loss so far, and the hidden state h (m,) carried into the next sequence.

    update       row of that smooth loss, which is the number of updates before these weights
    smooth_loss  nats per sequence

    For a batch, h is the state of the last sequence: see TrainState.carried.
    """

    update: int
    smooth_loss: float
    theta: Parameters
    h: Array


@dataclass(frozen=True, eq=False)
class TrainState:
    """The state of a training: all that the next update depends on, except the text and the recipe.

    update        number of updates done
    theta         weights after these updates
    accumulators  the optimiser's state for every weight
    h             (batch, m) states carried into the next sequences
    smooth_loss   nats per sequence, of row `update` − 1; None before the first update
    best          the weights with the lowest smooth loss of the rows before `update`; None before the first update
    seed          determines the random order in which the text is read
    """

    update: int
    theta: Parameters
    accumulators: Accumulators
    h: Array
    smooth_loss: float | None = None
    best: Best | None = None
    seed: int = 0

    @property
    def carried(self) -> Array:
        """Return the state (m,) for a model's file: the state carried into the last sequence of the next batch.

        In reading order the last sequence is in the last part of the text, which the held-out text follows.
        """
        carried: Array = self.h[-1]
        return carried


class UpdateResults(NamedTuple):
    """The results of n updates: those with the numbers from state.update to after.update − 1.

    state, after  training states before the first and after the last of these updates
    losses, smooth_losses (n,)  nats per sequence, the mean over the batch
    statistics (·, 4)  a row for each update that is a multiple of STATISTICS_EVERY: the loss, the Euclidean norm of the
                       gradient before clipping, the fraction of the gradients that clipping changes, and the fraction
                       of the hidden activations with |h| > rnn.SATURATED
    """

    state: TrainState
    after: TrainState
    losses: Array
    smooth_losses: Array
    statistics: Array

    @property
    def best(self) -> Best:
        """Return the weights with the lowest smooth loss of all updates up to the last of these."""
        return cast(Best, self.after.best)  # not None: the first update always has the lowest smooth loss so far


def initial_state(recipe: Recipe, K: int, seed: int) -> TrainState:
    """Return the state before the first update, for K characters. `seed` determines the weights and the order."""
    return TrainState(0, *recipe.initial(K, seed), np.zeros((recipe.batch, recipe.m), recipe.dtype), seed=seed)


def divergence_error(update: int, loss: float) -> Diverged:
    """Return the exception for an update whose loss, or else a gradient, is not finite."""
    reason = "a gradient is not finite" if math.isfinite(loss) else f"the loss is {loss}"
    return Diverged(f"training diverged at update {update}: {reason}; a smaller eta may help")


def ensure_finite(after: TrainState) -> TrainState:
    """Return the state. Raises Diverged if one of its numbers is not finite."""
    for kind, numbers in (("a weight is", after.theta), *(("an accumulator is", s) for s in after.accumulators)):
        if not np.isfinite(numbers.flat).all():
            raise Diverged(f"training diverged at update {after.update - 1}: {kind} not finite; a smaller eta may help")
    return after
