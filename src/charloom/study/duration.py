"""How long trials take on this machine, as their first updates say."""

import time
from collections.abc import Collection
from contextlib import suppress

import numpy as np

from charloom.base.errors import Diverged
from charloom.kernel.advance import advance, start
from charloom.settings.params import Params

MEASURED = 1.0  # seconds, of all settings together
LEAST = 0.02  # of each of them
READ = 3  # characters are read, for a measure, in the time in which one is trained on


def seconds(trials: Collection[Params], K: int, lengths: tuple[int, int], jobs: int) -> float:
    """Return about how many seconds these trials take together.

    K        different characters of the text
    lengths  its characters for training and held out
    jobs     trials at a time; a single one has all processors
    """
    settings = {each.model_copy(update={"seed": 1}).model_dump_json(): each for each in trials}.values()
    rates = {each.recipe: _rate(each, K, None if jobs == 1 else 1, MEASURED / len(settings)) for each in settings}
    return sum(rates[each.recipe] * _characters(each, lengths[1]) for each in trials) / min(jobs, len(trials))


def _characters(params: Params, held_out: int) -> float:
    """Return as how many characters of training a trial counts: the last and the best model are measured, too."""
    return params.train.updates * params.characters + 2 * min(held_out, params.train.held_out_characters) / READ


def _rate(params: Params, K: int, threads: int | None, budget: float) -> float:
    """Return the seconds that a character takes in training: updates are timed, ever more of them."""
    recipe, count, took = params.recipe, 1, 0.0
    # The time does not depend on what is read.
    ids = np.arange(20 * max(params.characters, params.train.chunk_length) + 1) % K
    state = start(recipe, K, 1)
    with suppress(Diverged):  # what it took until then says enough
        advance(state, ids, 1, recipe, threads)  # compiles
        while took < max(budget, LEAST) / 2:
            count *= 2
            began = time.perf_counter()
            advance(state, ids, count, recipe, threads)
            took = time.perf_counter() - began
    return took / (count * params.characters)
