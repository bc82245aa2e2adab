"""Writing one or many texts with a model, BLOCK characters at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from charloom.core.backend.backends import BACKENDS
from charloom.core.base.types import Array
from charloom.core.model.model_file import Model
from charloom.core.network.rnn import Parameters

CHECKPOINT, BEST, ON_DEMAND = 1, 2, 3  # kinds of sample, part of the seed of their random streams


@dataclass(frozen=True)
class Choice:
    """The sampling method: softmax(o / temperature), then the top_k likeliest characters, then nucleus sampling.

    temperature  0 takes the likeliest character, and the first of several equally likely ones
    top_k        number of the likeliest characters that may be drawn; 0 allows all characters
    top_p        share of the probability of these characters: only the fewest likeliest ones that together have this
                 share may be drawn (the nucleus); 1 allows all of them

    Source: A. Holtzman et al., "The Curious Case of Neural Text Degeneration" (2020).
    """

    temperature: float
    top_k: int = 0
    top_p: float = 1.0


def random_stream(seed: int, kind: int, update: int, number: int = 0) -> np.random.Generator:
    """Return the random stream of one sample.

    kind    CHECKPOINT, BEST or ON_DEMAND
    update  number of updates of the model
    number  index of the sample in its request, from 0

    The kind precedes the update because NumPy ignores trailing zeros: default_rng([seed, 0]) equals default_rng(seed),
    the stream of the initial weights.
    """
    return np.random.default_rng([seed, kind, update, number])


def blocks(
    theta: Parameters, h: Array, x: Array, random: Sequence[np.random.Generator], choice: Choice, backend: str
) -> Iterator[tuple[Array, Array]]:
    """Write S endless texts; yield the next BLOCK ids and their probabilities, both (S, BLOCK).

    h (S, m)  initial states
    x (S,)    ids to read first; they are not yielded
    random    a random stream for each text
    backend   name of the implementation of the network: see backends.py

    Probabilities are those in softmax(o), before temperature, top_k and top_p are applied.
    """
    return BACKENDS[backend].write(theta, h, x, random, choice.temperature, choice.top_k, choice.top_p)


def characters(model: Model, choice: Choice, random: np.random.Generator) -> Iterator[int]:
    """Yield the ids of one endless text. The model starts from the state `model.h` and reads `model.first`."""
    for ids, _ in blocks(model.theta, model.h[None], np.array([model.first]), [random], choice, model.backend):
        yield from ids[0].tolist()
