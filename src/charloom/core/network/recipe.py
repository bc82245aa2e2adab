"""A recipe: the settings that determine a training, except text, seed and number of updates.

Code that depends on the optimiser asks `Recipe.optimizer`, an instance of a class in OPTIMIZERS. CONTRIBUTING.md lists
the steps to add an optimiser.
"""

from dataclasses import dataclass

import numpy as np

from charloom.core.base.types import Array
from charloom.core.network.adagrad import AdaGrad
from charloom.core.network.adam import Adam
from charloom.core.network.order import AS_IT_STANDS, Order, sequences
from charloom.core.network.rnn import Gradients, Parameters, filled, init

Optimizer = AdaGrad | Adam
OPTIMIZERS: dict[str, type[Optimizer]] = {"adagrad": AdaGrad, "adam": Adam}  # by the name in params.yaml
COMPILED = ("adagrad", "adam")  # those with a step in kernel/steps.py; the others train with the backend `numpy` only

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
    optimizer   rates of the optimiser; their class selects the optimiser
    loss        "sum" or "mean" over the characters of a sequence: the loss to minimise
    order       order in which the text is read
    batch       sequences of an update; the loss to minimise is their mean
    backend     KERNEL, or NUMPY: what computes the training
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

        Reported losses do not depend on it: they are sums over a sequence, and means over a batch.
        """
        return 1 / (self.batch * (self.seq_length if self.loss == "mean" else 1))

    @property
    def kind(self) -> str:
        """Return the kind of code that computes this recipe: optimizer and dtype, after `batch ` if batch > 1.

        With the backend `numpy` this name is first: `adagrad float64`, `batch adam float32`, `numpy adagrad float64`.
        """
        name = next(name for name, rates in OPTIMIZERS.items() if type(self.optimizer) is rates)
        backend = f"{NUMPY} " if self.backend == NUMPY else ""
        return f"{backend}{'batch ' if self.batch > 1 else ''}{name} {self.dtype}"

    def places(self, update: int, count: int, characters: int, seed: int) -> tuple[Array, Array]:
        """Return where the sequences of `count` updates start, and which start from a zero state: see Order.places."""
        return self.order.places(update, count, characters, self.seq_length, self.batch, seed)

    def epoch(self, characters: int) -> int:
        """Return the number of updates in an epoch of a text of `characters` characters. It may be 0."""
        return sequences(characters, self.seq_length) // self.batch

    def initial(self, K: int, seed: int) -> tuple[Parameters, Accumulators]:
        """Return the weights, drawn with `seed`, and the optimiser's state before the first update; K characters."""
        drawn = init(self.m, K, self.sigma, np.random.default_rng(seed))
        return Parameters(drawn.flat.astype(self.dtype), self.m, K), self.accumulators(K)

    def accumulators(self, K: int) -> Accumulators:
        """Return the optimiser's state before the first update, for K characters: initial values in every entry."""
        return tuple(filled(start, self.m, K, np.dtype(self.dtype)) for start in self.optimizer.starts)

    def step(self, theta: Parameters, accumulators: Accumulators, gradients: Gradients, update: int) -> None:
        """Update theta and the accumulators in place: g ← min(max(g, −clip), clip), then the optimiser's step.

        gradients  gradients of the loss to minimise: those of the sum over the batch, times `scale`; overwritten
        update     number of updates before this one
        """
        g: Array = np.clip(gradients.flat, -self.clip, self.clip, out=gradients.flat)
        self.optimizer.step(theta.flat, [accumulator.flat for accumulator in accumulators], g, update)
