"""How long trials take on this machine, as their first updates say."""

import math
import time
from collections.abc import Collection
from contextlib import suppress

import numpy as np

from charloom.base.errors import Diverged
from charloom.kernel.advance import advance, start
from charloom.settings.params import Params

STARTING = 5.0  # seconds, about, until a worker has started and proved itself
MEASURED = 1.0  # seconds, of all kinds of settings together
LEAST = 0.02  # of each of them
LONG = 100_000  # characters of which chunks are made
READ = 3  # characters are read, for a measure, in the time in which one is trained on


def seconds(trials: Collection[Params], K: int, lengths: tuple[int, int], jobs: int) -> float:
    """Return about how many seconds these trials take together.

    K        different characters of the text
    lengths  its characters for training and held out
    jobs     trials at a time; a single one has all processors
    """
    kinds = {_kind(each): each for each in trials}
    threads, budget = None if jobs == 1 else 1, MEASURED / len(kinds)
    rates = {kind: _rate(each, K, threads, budget, lengths[0]) for kind, each in kinds.items()}
    took = sum(rates[_kind(each)] * _characters(each, lengths[1]) for each in trials)
    return STARTING + took / min(jobs, len(trials))


def _kind(params: Params) -> tuple[object, ...]:
    """Return what the time of a character depends on."""
    return params.m, params.seq_length, params.batch, params.recipe.kind, params.train.order


def _characters(params: Params, held_out: int) -> float:
    """Return as how many characters of training a trial counts: the last and the best model are measured, too."""
    return params.train.updates * params.characters + 2 * min(held_out, params.train.held_out_characters) / READ


def _rate(params: Params, K: int, threads: int | None, budget: float, most: int) -> float:
    """Return the seconds that a character takes in training: updates are timed, ever more of them.

    They read `most` characters at most, and any: the time does not depend on which.
    """
    recipe, count, took = params.recipe, 1, math.inf
    ids = np.arange(min(most, max(20 * params.characters + 1, LONG))) % K
    state = start(recipe, K, 1)
    with suppress(Diverged):  # what it took until then says enough
        advance(state, ids, 1, recipe, threads)  # compiles
        while True:
            began = time.perf_counter()
            advance(state, ids, count, recipe, threads)
            took = (time.perf_counter() - began) / count
            if took * count > max(budget, LEAST) / 2:
                break
            count *= 2
    return 0.0 if math.isinf(took) else took / params.characters
