"""Pair the trials of two settings by seed: their differences, the seeds of each look, and missing values."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from seedpairs.data_types import ALONE, Contrast, Measured, Measurement, Seed
from seedpairs.rule import with_looks
from seedpairs.statistics import LARGEST, difference_beyond_rounding

Trials = Mapping[Seed, Measurement]
Key = TypeVar("Key")


def with_valid_value(trial: Measurement) -> Measurement:
    """Return the trial, but without a value and as exploded if its value is missing, NaN or beyond ±LARGEST."""
    is_result = trial.value is not None and abs(trial.value) <= LARGEST
    return trial if is_result else trial._replace(value=None, exploded=True)


def values(trials: Trials) -> dict[Seed, float]:
    """Return the values by seed. Trials without a value are left out."""
    return {seed: trial.value for seed, trial in trials.items() if trial.value is not None}


def paired_differences(first: Mapping[Key, float], second: Mapping[Key, float]) -> dict[Key, float]:
    """Return the differences `first` − `second` by key, in the order of `second`.

    A key is left out if it is in only one of the two mappings, or if one of its values is beyond ±LARGEST.
    """
    keys = [key for key in second if key in first and abs(first[key]) <= LARGEST and abs(second[key]) <= LARGEST]
    return {key: difference_beyond_rounding(first[key], second[key]) for key in keys}


def common(trials: Sequence[Trials]) -> list[Seed]:
    """Return the seeds with a trial in every setting, in the order of the first setting."""
    return [seed for seed in trials[0] if all(seed in trials_of_setting for trials_of_setting in trials)]


def first_seeds(seeds: Sequence[Seed], shared: Sequence[Seed], looks: Sequence[int]) -> list[Sequence[Seed]]:
    """Return the seeds of each look that is reached. If no look is declared, return one list with all shared seeds.

    seeds   the baseline's seeds; a look at n seeds is reached if the first n of them are all shared
    shared  the seeds with a trial on both sides, in the order of `seeds`
    looks   declared numbers of seeds, ascending
    """
    return [seeds[:n] for n in looks if n <= len(seeds) and shared[:n] == seeds[:n]] if looks else [shared]


def setting_contrasts(measured: Measured) -> list[Contrast]:
    """Return the contrast with the baseline of every setting except the baseline. rule.decide tests the contrasts."""
    base, amounts, contrasts = measured.settings[measured.baseline], measured.amounts, list[Contrast]()
    for name, trials_of_setting in measured.settings.items():
        if name != measured.baseline:
            shared = common([base, trials_of_setting])
            amount = amounts.get(name, 1.0) / amounts.get(measured.baseline, 1.0)
            contrast = Contrast(
                ALONE, name, amount=amount, differences=paired_differences(values(trials_of_setting), values(base))
            )
            missing = {seed: (trials_of_setting[seed].value is None, base[seed].value is None) for seed in shared}
            contrasts.append(with_looks(contrast, first_seeds(list(base), shared, measured.looks), missing))
    return contrasts
