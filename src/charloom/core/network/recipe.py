"""A recipe: the settings that determine a training, except text, seed and number of updates.

Code that depends on the optimiser calls methods of `Recipe.optimizer`, an instance of a class in OPTIMIZERS.
CONTRIBUTING.md lists the steps to add an optimiser.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from charloom.core.base.types import Array
from charloom.core.network.adagrad import AdaGrad
from charloom.core.network.adam import Adam
from charloom.core.network.order import AS_IT_STANDS, Order, sequences
from charloom.core.network.rnn import Gradients, Parameters, filled, init

Optimizer = AdaGrad | Adam  # the optimisers in COMPILED
OPTIMIZERS: dict[str, type[Any]] = {"adagrad": AdaGrad, "adam": Adam}  # by the name in params.yaml
COMPILED = ("adagrad", "adam")  # optimisers with a step in kernel/steps.py; others need only `starts` and `step`

KERNEL, NUMPY = "kernel", "numpy"  # backends: see core/backend

Accumulators = tuple[Parameters, ...]  # the optimiser's state: s of AdaGrad, or m and v of Adam, for every weight


@dataclass(frozen=True)
class Recipe:
    """The settings that determine a training, except text, seed and number of updates.

    m           hidden units
    seq_length  characters of a sequence
    sigma       standard deviation of the initial weights, or "fan_in": see `rnn.deviations`
    clip        limit of elementwise gradient clipping to [−clip, clip]; ∞ for no clipping
    dtype       "float64" or "float32"
    optimizer   the optimiser: an instance of AdaGrad or Adam, with the rates
    loss        "sum" or "mean" over the characters of a sequence: the loss to minimise
    order       order in which the text is read: see order.Order
    batch       sequences of an update; the loss to minimise is the mean of the losses of the sequences
    backend     KERNEL or NUMPY, the code that computes the training: see core/backend
    """

    m: int
    seq_length: int
    sigma: float | str
    clip: float
    dtype: str
    optimizer: Optimizer
    loss: str = "sum"
    order: Order = AS_IT_STANDS
    batch: int = 1
    backend: str = KERNEL

    @property
    def scale(self) -> float:
        """Return the factor from the gradient of the loss summed over a batch to the gradient of the loss to minimise.

        Reported losses do not depend on this factor: they are sums over a sequence, and means over a batch.
        """
        return 1 / (self.batch * (self.seq_length if self.loss == "mean" else 1))

    @property
    def kind(self) -> str:
        """Return the name of the kind of code that computes this recipe: words for backend, batch, optimiser and dtype.

        A batch of 1 and the backend `kernel` have no word: `adagrad float64`, `numpy batch adam float32`.
        """
        name = next(name for name, rates in OPTIMIZERS.items() if type(self.optimizer) is rates)
        backend = f"{NUMPY} " if self.backend == NUMPY else ""
        return f"{backend}{'batch ' if self.batch > 1 else ''}{name} {self.dtype}"

    def places(self, update: int, count: int, characters: int, seed: int) -> tuple[Array, Array]:
        """Return where each sequence of `count` updates starts, and whether from a zero state: see Order.places."""
        return self.order.places(update, count, characters, self.seq_length, self.batch, seed)

    def epoch(self, characters: int) -> int:
        """Return the number of updates in an epoch of a text of `characters` characters; 0 for a short text."""
        return sequences(characters, self.seq_length) // self.batch

    def initial(self, K: int, seed: int) -> tuple[Parameters, Accumulators]:
        """Return the initial weights, drawn with `seed`, and the optimiser's initial state, for K characters."""
        drawn = init(self.m, K, self.sigma, np.random.default_rng(seed))
        return Parameters(drawn.flat.astype(self.dtype), self.m, K), self.accumulators(K)

    def accumulators(self, K: int) -> Accumulators:
        """Return the optimiser's initial state for K characters: accumulators filled with their initial values."""
        return tuple(filled(start, self.m, K, np.dtype(self.dtype)) for start in self.optimizer.starts)

    def step(self, theta: Parameters, accumulators: Accumulators, gradients: Gradients, update: int) -> None:
        """Update theta and the accumulators in place: g ← min(max(g, −clip), clip), then the optimiser's step.

        gradients  gradients of the loss to minimise (see `scale`), before clipping; overwritten
        update     number of updates before this one
        """
        g: Array = np.clip(gradients.flat, -self.clip, self.clip, out=gradients.flat)
        self.optimizer.step(theta.flat, [accumulator.flat for accumulator in accumulators], g, update)
