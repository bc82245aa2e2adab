"""A recipe: all that determines a training beside its text, its seed and how long it goes on.

What knows an optimiser asks the recipe's `optimizer`, which is a value of one of the classes in OPTIMIZERS. What a new
one needs stands in CONTRIBUTING.md.
"""

from dataclasses import dataclass

import numpy as np

from charloom.base.types import Array
from charloom.network.adagrad import AdaGrad
from charloom.network.adam import Adam
from charloom.network.order import AS_IT_STANDS, READING, Order, sequences
from charloom.network.rnn import Gradients, Parameters, filled, init

Optimizer = AdaGrad | Adam
OPTIMIZERS: dict[str, type[Optimizer]] = {"adagrad": AdaGrad, "adam": Adam}  # by their names in params.yaml

# Of compiled code: see Recipe.kind.
KINDS = {f"{many}{name} {dtype}" for many in ("", "batch ") for name in OPTIMIZERS for dtype in ("float64", "float32")}

Kept = tuple[Parameters, ...]  # what an optimiser keeps for each weight


@dataclass(frozen=True)
class Recipe:
    """One.

    m           hidden units
    seq_length  characters a sequence
    sigma       standard deviation of the initial weights, or "fan_in": see rnn.py
    clip        gradients are clipped to [−clip, clip], elementwise; ∞ where they are not
    dtype       "float64" or "float32"
    optimizer   its rates
    loss        "sum" or "mean": of the sequence, whose gradient is followed
    order       in which the text is read
    batch       sequences an update, whose mean loss is followed
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

    @property
    def scale(self) -> float:
        """Return what the gradient of the sum over a batch is multiplied by.

        Whatever is followed, all losses that are told are sums over a sequence, and means over a batch.
        """
        return 1 / (self.batch * (self.seq_length if self.loss == "mean" else 1))

    @property
    def reads_anywhere(self) -> bool:
        """Return whether what is read next may lie anywhere in the text, not behind what was read last."""
        return self.order.name != READING or self.batch > 1

    @property
    def kind(self) -> str:
        """Return which compiled code trains it, by optimiser and type: `adagrad float64`, `batch adam float32`."""
        name = next(name for name, each in OPTIMIZERS.items() if type(self.optimizer) is each)
        return f"{'batch ' if self.batch > 1 else ''}{name} {self.dtype}"

    def places(self, update: int, count: int, characters: int, seed: int) -> tuple[Array, Array]:
        """Return where in a text of so many characters the sequences of these updates start: see Order.places."""
        return self.order.places(update, count, characters, self.seq_length, self.batch, seed)

    def epoch(self, characters: int) -> int:
        """Return the updates in an epoch of a text of so many characters."""
        return sequences(characters, self.seq_length) // self.batch

    def initial(self, K: int, seed: int) -> tuple[Parameters, Kept]:
        """Return the weights before the first update, and what the optimiser keeps beside them."""
        drawn = init(self.m, K, self.sigma, np.random.default_rng(seed))
        return Parameters(drawn.flat.astype(self.dtype), self.m, K), self.kept(K)

    def kept(self, K: int) -> Kept:
        """Return what the optimiser keeps before the first update."""
        return tuple(filled(start, self.m, K, np.dtype(self.dtype)) for start in self.optimizer.starts)

    def step(self, theta: Parameters, kept: Kept, gradients: Gradients, update: int) -> None:
        """Move theta and what is kept in place by one update, after `update` others. The gradients are used up.

        gradients  of the sum over the batch, times `scale`

        g ← min(max(g, −clip), clip), and then the optimiser's step.
        """
        g: Array = np.clip(gradients.flat, -self.clip, self.clip, out=gradients.flat)
        self.optimizer.step(theta.flat, [each.flat for each in kept], g, update)
