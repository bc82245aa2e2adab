"""The functions of a backend, and the backends by their names in params.yaml."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from charloom.core.backend import by_kernel, by_numpy
from charloom.core.base.types import Array
from charloom.core.network.recipe import KERNEL, NUMPY, Recipe
from charloom.core.network.rnn import Parameters
from charloom.core.network.state import TrainState, UpdateResults


class Backend(Protocol):
    """The functions that a backend module must have. theta are weights, h hidden states, ids characters of a text."""

    def advance(
        self, state: TrainState, ids: Array, count: int, recipe: Recipe, threads: int | None = None
    ) -> UpdateResults:
        """Run `count` updates from `state`, and return their losses and the state after them. `state` is unchanged.

        ids (characters,)  the text: at least batch · seq_length + 1 integers from 0 to K − 1
        count              at least 1
        threads            number of threads of the kernel; None: the kernel chooses. The result does not depend on it

        Raises Diverged if a loss, a gradient or a number of the state is not finite.
        """

    def forward(self, theta: Parameters, x: Array, h_0: Array) -> tuple[Array, Array]:
        """Return the states h (T + 1, m) and outputs o (T, K) for the characters x (T,), from the state h_0 (m,)."""

    def read(self, theta: Parameters, ids: Array, h_0: Array, total: float) -> tuple[Array, float, Array]:
        """Read ids (n + 1,) from the state h_0 (m,); return the costs (n,) of all ids except the first, in nats.

        A cost is −log p of an id, given the ids before it. The second result is `total` plus the sum of the costs, the
        third is the state (m,) after all ids but the last.
        """

    def write(
        self, theta: Parameters, h: Array, x: Array, random: Sequence[np.random.Generator], temperature: float,
        top_k: int, top_p: float,
    ) -> Iterator[tuple[Array, Array]]:  # fmt: skip
        """Write S texts without end; yield the next n ids of each text and their probabilities, both (S, n).

        h (S, m)  initial states
        x (S,)    ids to read first; they are not yielded
        random    a random stream for each text, which gives one number in [0, 1) for each character

        Candidates are the `top_k` likeliest characters (0: all). If `top_p` is below 1, only the fewest likeliest
        candidates remain that have the share `top_p` of all candidates' weights e^(o / temperature). The next character
        is the first candidate whose cumulative weight exceeds the random number times the sum of the weights. At
        temperature 0 it is the likeliest character. A probability is p in softmax(o), whatever the temperature.
        """


BACKENDS: dict[str, Backend] = {KERNEL: by_kernel, NUMPY: by_numpy}
