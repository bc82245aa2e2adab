"""The text that the best model reads here, and what goes on inside while it does."""

from typing import NamedTuple

import numpy as np

from charloom.base.types import Array
from charloom.kernel.arrays import forward
from charloom.model.model_file import Model
from charloom.network.rnn import Parameters
from charloom.text.corpus import Text

MOST = 10_000  # characters that are read
WORK = 10**9  # multiplications that reading may take: fewer characters for a large network
SHORTEST = 100  # characters of a held-out text that is worth reading


class Passage(NamedTuple):
    """A text that was read.

    held_out  whether training never saw it
    text      the characters read, x (T,) their ids, y (T,) those that follow
    theta     the model's weights in double precision
    h, o      states (T + 1, m) and outputs (T, K), as in network/rnn.py
    """

    held_out: bool
    text: str
    x: Array
    y: Array
    theta: Parameters
    h: Array
    o: Array


def read(model: Model, corpus: Text) -> Passage:
    """Return the beginning of the held-out text, or where none is held out the end of the other, as the model reads it.

    It starts from the state that the model carries: with most orders of reading a zero state is foreign to it.
    """
    most = max(SHORTEST, min(MOST, WORK // (model.theta.m * (model.theta.m + model.theta.K)))) + 1
    held_out = len(corpus.held_out) > SHORTEST
    ids = corpus.held_out[:most] if held_out else corpus.training[max(0, len(corpus.training) - most) :]
    x, y = ids[:-1].astype(np.intp), ids[1:].astype(np.intp)
    theta = Parameters(model.theta.flat.astype(float), model.theta.m, model.theta.K)
    h, o = forward(theta, x, model.h.astype(float))
    return Passage(held_out, model.vocabulary.decode(x), x, y, theta, h, o)
