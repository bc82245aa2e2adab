"""What is compiled ahead is what later stages run."""

import numpy as np
import pytest

from charloom.kernel import drawing, update
from charloom.kernel.advance import advance, start
from charloom.model.scoring import score
from charloom.network.rnn import init
from charloom.sampling import passages
from charloom.sampling.quality import qualities
from charloom.sampling.writing import Choice, characters
from charloom.signature import ahead
from charloom.text.corpus import Text
from charloom.text.vocabulary import Vocabulary

FUNCTIONS = (update.read, drawing.write, passages._read)
OPTIONS = {"seq_length": 2, "eta": 0.1, "clip": 5.0}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_nothing_that_scores_writes_or_compares_is_compiled_again_afterwards(dtype):
    vocabulary = Vocabulary.of("a b")
    theta = init(8, len(vocabulary), 0.1, np.random.default_rng(1))
    theta = type(theta)(theta.flat.astype(dtype), theta.m, theta.K)
    h, ids = np.zeros(8, dtype), vocabulary.encode("a b a")
    ahead.compile_all(8, len(vocabulary), dtype)
    of_update = [update.updates] if dtype == "float32" else []  # the gradient check compiles the other one
    before = [list(function.signatures) for function in (*FUNCTIONS, *of_update)]
    assert all(before)
    if of_update:
        advance(start(theta, 0.0), ids, 2, **OPTIONS)
    score(theta, ids, h)
    next(characters(theta, h, 0, Choice(1.0), np.random.default_rng(1)))
    qualities(["a b"], Text(vocabulary, ids, ids[:0]))
    assert [list(function.signatures) for function in (*FUNCTIONS, *of_update)] == before
