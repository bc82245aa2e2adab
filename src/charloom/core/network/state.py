"""The state of a training, and the results of updates: an argument and the result of every backend's `advance`.

Updates count from 0. Row u of the results belongs to the weights after u updates: it has the loss of update u, measured
before the step, and the smooth loss 0.999 · (smooth loss of row u − 1) + 0.001 · loss. In row 0 both are equal.
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

    update       number of updates before these weights: the row with the lowest smooth loss
    smooth_loss  nats per sequence

    For a batch, h is the state carried into the last of the sequences: see TrainState.carried.
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
        """Return the state (m,) to store in a model file: the state carried into the last sequence of the next batch.

        In reading order the last sequence is in the last part of the text, which the held-out text follows.
        """
        carried: Array = self.h[-1]
        return carried


class UpdateResults(NamedTuple):
    """The results of n updates, which have the numbers state.update to after.update − 1.

    state, after  training states before the first and after the last of these updates
    losses, smooth_losses (n,)  losses in nats per sequence, means over the batch
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
        """Return the weights with the lowest smooth loss of all rows from 0 to after.update − 1."""
        return cast(Best, self.after.best)  # not None: the first update always has the lowest smooth loss so far


def initial_state(recipe: Recipe, K: int, seed: int) -> TrainState:
    """Return the state before the first update, for K characters. `seed` determines weights and reading order."""
    return TrainState(0, *recipe.initial(K, seed), np.zeros((recipe.batch, recipe.m), recipe.dtype), seed=seed)


def divergence_error(update: int, loss: float) -> Diverged:
    """Return the exception for update number `update`, whose `loss` or gradient is not finite."""
    reason = "a gradient is not finite" if math.isfinite(loss) else f"the loss is {loss}"
    return Diverged(f"training diverged at update {update}: {reason}; a smaller eta may help")


def ensure_finite(after: TrainState) -> TrainState:
    """Return the state `after` unchanged. Raises Diverged if a weight or an accumulator is not finite."""
    for kind, numbers in (("a weight is", after.theta), *(("an accumulator is", s) for s in after.accumulators)):
        if not np.isfinite(numbers.flat).all():
            raise Diverged(f"training diverged at update {after.update - 1}: {kind} not finite; a smaller eta may help")
    return after
