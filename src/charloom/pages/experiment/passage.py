"""The passage that the best model reads for the section `inside`, with its states and outputs."""

from typing import NamedTuple

import numpy as np

from charloom.core.base.types import Array
from charloom.core.kernel.arrays import forward
from charloom.core.model.model_file import Model
from charloom.core.network.rnn import Parameters
from charloom.core.text.corpus import Text

LONGEST = 10_000  # most characters of the passage
WORK = 10**9  # most multiplications for reading: a large network reads fewer characters
SHORTEST = 100  # least characters of the passage; a shorter held-out text is not used


class Passage(NamedTuple):
    """A passage that the model has read.

    held_out  whether the passage is from the held-out text
    text      the T characters
    x, y      (T,) ids of the characters, and of the next characters
    theta     the model's weights in double precision
    h, o      states (T + 1, m) and outputs (T, K), as in network/rnn.py; h[0] is the state before the passage
    """

    held_out: bool
    text: str
    x: Array
    y: Array
    theta: Parameters
    h: Array
    o: Array


def read(model: Model, corpus: Text) -> Passage:
    """Let the model read the beginning of the held-out text, and return the passage.

    If at most SHORTEST characters are held out, the model reads the end of the training text. A large model reads fewer
    characters (see WORK). The model starts from its stored state, because most trainings never start from a zero state.
    """
    most = max(SHORTEST, min(LONGEST, WORK // (model.theta.m * (model.theta.m + model.theta.K)))) + 1
    held_out = len(corpus.held_out) > SHORTEST
    ids = corpus.held_out[:most] if held_out else corpus.training[max(0, len(corpus.training) - most) :]
    x, y = ids[:-1].astype(np.intp), ids[1:].astype(np.intp)
    theta = Parameters(model.theta.flat.astype(float), model.theta.m, model.theta.K)
    h, o = forward(theta, x, model.h.astype(float))
    return Passage(held_out, model.vocabulary.decode(x), x, y, theta, h, o)
