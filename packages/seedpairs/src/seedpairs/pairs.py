"""The trials of settings, and pairs of trials with the same seed: differences, looks, and missing values."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from seedpairs.data_types import ALONE, Contrast, Measured, Measurement, Seed
from seedpairs.rule import looked
from seedpairs.statistics import LARGEST, difference

Trials = Mapping[Seed, Measurement]
Key = TypeVar("Key")


def counted(trial: Measurement) -> Measurement:
    """Return the trial. If its value is missing, NaN or beyond ±LARGEST, the result has no value and is exploded."""
    is_result = trial.value is not None and abs(trial.value) <= LARGEST
    return trial if is_result else trial._replace(value=None, exploded=True)


def values(trials: Trials) -> dict[Seed, float]:
    """Return the values by seed, of the trials that have one."""
    return {seed: trial.value for seed, trial in trials.items() if trial.value is not None}


def minus(ours: Mapping[Key, float], theirs: Mapping[Key, float]) -> dict[Key, float]:
    """Return ours minus theirs, by key, in the order of theirs, if both sides have a value of at most ±LARGEST."""
    keys = [key for key in theirs if key in ours and abs(ours[key]) <= LARGEST and abs(theirs[key]) <= LARGEST]
    return {key: difference(ours[key], theirs[key]) for key in keys}


def common(trials: Sequence[Trials]) -> list[Seed]:
    """Return the seeds with a trial in every setting, in the order of the first setting."""
    return [seed for seed in trials[0] if all(seed in own for own in trials)]


def first_seeds(seeds: Sequence[Seed], shared: Sequence[Seed], looks: Sequence[int]) -> list[Sequence[Seed]]:
    """Return the seeds of each look that is reached; if no look is declared, one list with all shared seeds.

    seeds   the baseline's seeds; a look at n seeds is reached if the first n of them are all shared
    shared  the seeds with a trial on both sides, in the order of `seeds`
    """
    return [seeds[:n] for n in looks if n <= len(seeds) and shared[:n] == seeds[:n]] if looks else [shared]


def alone(measured: Measured) -> list[Contrast]:
    """Return a contrast with the baseline for each other setting. The contrasts are not tested yet."""
    base, amounts, contrasts = measured.settings[measured.baseline], measured.amounts, list[Contrast]()
    for name, own in measured.settings.items():
        if name != measured.baseline:
            shared = common([base, own])
            amount = amounts.get(name, 1.0) / amounts.get(measured.baseline, 1.0)
            contrast = Contrast(ALONE, name, amount=amount, differences=minus(values(own), values(base)))
            missing = {seed: (own[seed].value is None, base[seed].value is None) for seed in shared}
            contrasts.append(looked(contrast, first_seeds(list(base), shared, measured.looks), missing))
    return contrasts
