"""A setting beside the baseline: the trials of the same seed, and what is missing."""

from collections.abc import Sequence
from typing import NamedTuple

from paired.statistics import LARGEST, Moments, differences, moments
from paired.types import BETTER, NO_DIFFERENCE, WORSE, Measured, Measurement, Seed

Trials = dict[Seed, Measurement]


def value(trial: Measurement) -> float | None:
    """Return its value, or None where it has diverged: a number that is none, or none that anything can come to."""
    return trial.value if trial.value is not None and abs(trial.value) <= LARGEST else None


def diverged(trials: Trials, seeds: Sequence[Seed]) -> int:
    """Return how many of the seeds have."""
    return sum(value(trials[seed]) is None for seed in seeds)


def exploded(trials: Trials) -> int:
    """Return how many have, the diverged among them."""
    return sum(trial.exploded or value(trial) is None for trial in trials.values())


class Pairs(NamedTuple):
    """A setting and the baseline.

    shared       seeds with a trial on both sides, in the baseline's order
    differences  by seed, of those with a value on both sides: the setting's minus the baseline's
    """

    name: str
    trials: Trials
    baseline: Trials
    shared: list[Seed]
    differences: dict[Seed, float]

    def first(self, n: int) -> Moments | None:
        """Return the moments of the differences at a look at n seeds; None where it is not reached.

        It is, where the first n seeds of the baseline are on both sides.
        """
        seeds = list(self.baseline)[:n]
        if len(seeds) < n or self.shared[:n] != seeds:
            return None
        return moments([self.differences[seed] for seed in seeds if seed in self.differences])

    @property
    def diverged(self) -> tuple[int, int]:
        """How many of the shared seeds, in the setting and in the baseline."""
        return diverged(self.trials, self.shared), diverged(self.baseline, self.shared)

    @property
    def barred(self) -> set[str]:
        """The verdicts that may not be said: a side that has lost trials looks better without them than it is."""
        ours, theirs = self.diverged
        return {BETTER if ours > theirs else WORSE, NO_DIFFERENCE} if ours != theirs else set()


def pair(measured: Measured, name: str) -> Pairs:
    """Return the setting's trials beside the baseline's."""
    trials, baseline = measured.settings[name], measured.settings[measured.baseline]
    shared = [seed for seed in baseline if seed in trials]
    both = [(seed, value(trials[seed]), value(baseline[seed])) for seed in shared]
    whole = [(seed, x, y) for seed, x, y in both if x is not None and y is not None]
    found = differences([x for _, x, _ in whole], [y for _, _, y in whole])
    by_seed = {seed: difference for (seed, _, _), difference in zip(whole, found, strict=True)}
    return Pairs(name, trials, baseline, shared, by_seed)
