"""What is compiled ahead is what later stages run."""

import numpy as np
import pytest
from projects import ROOT

from charloom.core.config.reading import read_params
from charloom.core.kernel import ahead, drawing, passes, update
from charloom.core.kernel.advance import advance
from charloom.core.model.scoring import score
from charloom.core.network.recipe import KERNEL
from charloom.core.network.state import initial_state
from charloom.core.text.vocabulary import Vocabulary
from charloom.sampling.writing import Choice, blocks

FUNCTIONS = (passes.read, drawing.write)
PARAMS = read_params(ROOT / "params.yaml")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_nothing_that_scores_or_writes_is_compiled_again_afterwards(dtype):
    vocabulary = Vocabulary("".join(sorted(set("a b"))))
    train = PARAMS.train.model_copy(update={"dtype": dtype})
    params = PARAMS.model_copy(update={"m": 8, "seq_length": 2, "train": train})
    state = initial_state(params.recipe, len(vocabulary), seed=1)
    h, ids = np.zeros(8, dtype), vocabulary.encode("a b a")
    ahead.compile_all(params, len(vocabulary))
    of_update = [update.updates] if dtype == "float32" else []  # the gradient check compiles the other one
    before = [list(function.signatures) for function in (*FUNCTIONS, *of_update)]
    assert all(before)
    if of_update:
        advance(state, ids, 2, params.recipe)
    score(state.theta, ids, h, KERNEL)
    next(blocks(state.theta, h[None], np.array([0]), [np.random.default_rng(1)], Choice(1.0), KERNEL))
    assert [list(function.signatures) for function in (*FUNCTIONS, *of_update)] == before
