"""Estimate how long trials take on this machine, by timing a few updates."""

import time
from collections.abc import Collection
from contextlib import suppress

import numpy as np

from charloom.base.errors import Diverged
from charloom.kernel.advance import advance, start
from charloom.settings.params import Params

STARTING = 5.0  # seconds, roughly, until a worker has started and passed its check
MEASURED = 1.0  # seconds of timing for all kinds of settings together, about
LONG = 100_000  # characters of the text that is used for timing, at least
READ = 3  # a measure reads so many characters in the time that training takes for one


def seconds(trials: Collection[Params], K: int, lengths: tuple[int, int], jobs: int) -> float:
    """Return the estimated seconds for all these trials together, with the start of the workers.

    A trial's work includes measuring the held-out text twice, with the last and with the best model.

    K        number of different characters in the text
    lengths  numbers of the text's characters for training and held out
    jobs     number of trials that run at the same time; a single one uses all processors
    """
    kinds = {_kind(params): params for params in trials}
    threads, budget = None if jobs == 1 else 1, MEASURED / len(kinds)
    rates = {kind: _rate(params, K, threads, budget, lengths[0]) for kind, params in kinds.items()}
    took = 0.0
    for params in trials:
        measured = 2 * min(lengths[1], params.train.held_out_characters) / READ
        took += rates[_kind(params)] * (params.train.updates * params.characters + measured)
    return STARTING + took / min(jobs, len(trials))


def _kind(params: Params) -> tuple[object, ...]:
    """Return the values of the params on which the time per character depends."""
    return params.m, params.seq_length, params.batch, params.recipe.kind, params.train.order


def _rate(params: Params, K: int, threads: int | None, budget: float, most: int) -> float:
    """Return the seconds of training per character, timed with doubling numbers of updates.

    The result is 0 if training diverges before: such a trial ends early, too. The text that the updates read is
    arbitrary, because its content does not affect the time.

    threads  number of threads of a training; None: as many as are fastest
    budget   seconds of timing, about
    most     characters of the text, at most
    """
    recipe, count = params.recipe, 1
    ids = np.arange(min(most, max(20 * params.characters + 1, LONG))) % K
    state = start(recipe, K, 1)
    with suppress(Diverged):
        advance(state, ids, 1, recipe, threads)  # compiles the kernel
        while True:
            began = time.perf_counter()
            advance(state, ids, count, recipe, threads)
            if (took := time.perf_counter() - began) > budget / 2:
                return took / count / params.characters
            count *= 2
    return 0.0
