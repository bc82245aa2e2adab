"""The plain loops train as the pipeline does: to the same hash of results."""

import json
from dataclasses import replace

import numpy as np
import pytest
from projects import Project
from recipes import recipe

from charloom.core.network.adam import Adam
from charloom.core.network.order import CHUNKS, POSITIONS, Order
from charloom.core.network.state import initial_state
from charloom.core.training.loop import train
from charloom.core.training.trace import EMPTY, columns, extended, results_hash
from charloom.signature import plain
from charloom.signature.hashes import RECIPES

K, IDS = 5, np.arange(400, dtype=np.uint8) ** 2 % 5
RECIPE = recipe(eta=0.3)


@pytest.mark.parametrize("own", [
    RECIPE, recipe(dtype="float32", clip=0.2), replace(RECIPE, optimizer=Adam(0.01), loss="mean"),
    replace(RECIPE, batch=3, order=Order(CHUNKS, 30)),
    replace(RECIPE, batch=2, dtype="float32", order=Order(POSITIONS)),
], ids=["as in the report", "float32", "Adam", "batches of chunks", "batches of positions"])  # fmt: skip
@pytest.mark.parametrize("updates", [0, 1, 1050])
def test_the_hash_of_a_whole_training_is_the_kernels(own, updates):
    assert_same(own, updates)


@pytest.mark.slow_but_first
@pytest.mark.parametrize("name", RECIPES)
def test_the_plain_loops_train_each_recipe_of_the_signature_to_equal_bits(name):
    assert_same(RECIPES[name], 1050)


def assert_same(own, updates):
    trace = EMPTY
    for rows in train(initial_state(own, K, 7), IDS, updates, (1000,), own):
        trace = extended(trace, rows, own.epoch(len(IDS)), 0.0)
    hashed = results_hash(rows.state.theta.flat, rows.best.theta.flat, columns(trace))
    assert plain.train(own, K, IDS, updates, 7) == hashed


CLOCK = """
from contextlib import contextmanager
from charloom.signature import plain
functions = [value for value in vars(plain).values() if hasattr(value, "signatures")]
compiled = lambda: [len(function.signatures) for function in functions]

@contextmanager
def progress(*_):
    before = compiled()
    yield lambda *_: None
    print(any(before) and compiled() == before)

plain.progress = progress
plain.main()
"""


@pytest.mark.slow
def test_the_loops_are_compiled_before_the_clock_of_the_progress_starts(finished: Project):
    printed = finished.run("python", "-c", CLOCK, PYTHONPATH=str(finished.folder / "src"))
    assert printed.splitlines()[-2] == "True"


def test_the_command_ends_with_the_hash_of_the_results(finished: Project):
    printed = finished.run("python", "-m", "charloom.signature.plain", PYTHONPATH=str(finished.folder / "src"))
    results = json.loads((finished.folder / "metrics/results.json").read_text())["results"]
    assert printed.splitlines()[-1] == results
