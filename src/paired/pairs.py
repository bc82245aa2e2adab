"""A setting by itself, and beside the baseline: what is there, what is missing, and the differences of equal seeds."""

from collections.abc import Sequence
from typing import NamedTuple

from paired.data_types import BETTER, NO_DIFFERENCE, WORSE, Measurement, Seed
from paired.statistics import LARGEST, difference

Trials = dict[Seed, Measurement]


def counted(trial: Measurement) -> Measurement:
    """Return the trial as it counts: without a value and exploded, where its number is none, or none that is a result.

    All that is said of trials is said of these.
    """
    is_result = trial.value is not None and abs(trial.value) <= LARGEST
    return trial if is_result else trial._replace(value=None, exploded=True)


class Side(NamedTuple):
    """A setting.

    values  by seed, of the trials that have one
    times   by seed, updates to the target, at most the budget; empty where there is no budget
    """

    trials: Trials
    values: dict[Seed, float]
    times: dict[Seed, float]

    @property
    def exploded(self) -> int:
        """How many trials have, those without a value among them."""
        return sum(trial.exploded for trial in self.trials.values())


def side(trials: Trials, budget: int | None) -> Side:
    """Return the setting of these trials."""
    own = {seed: counted(trial) for seed, trial in trials.items()}
    return Side(
        own,
        {seed: trial.value for seed, trial in own.items() if trial.value is not None},
        {
            seed: budget if trial.reached is None else min(trial.reached, budget)
            for seed, trial in own.items()
            if budget is not None
        },
    )


class Pairs(NamedTuple):
    """A setting and the baseline.

    shared       seeds with a trial on both sides, in the baseline's order
    differences  by seed, of those with a value on both sides: the setting's minus the baseline's
    """

    ours: Side
    baseline: Side
    shared: list[Seed]
    differences: dict[Seed, float]

    def firsts(self, looks: tuple[int, ...]) -> list[list[Seed]]:
        """Return the seeds of each look that is reached; all of them where none is declared.

        One at n seeds is, where the first n seeds of the baseline are on both sides.
        """
        return first_seeds(list(self.baseline.trials), self.shared, looks)

    @property
    def without_value(self) -> tuple[int, int]:
        """How many of the shared seeds have no value, in the setting and in the baseline."""
        ours, theirs = (sum(seed not in each.values for seed in self.shared) for each in (self.ours, self.baseline))
        return ours, theirs

    @property
    def barred(self) -> set[str]:
        """The verdicts that may not be said."""
        return barred(*self.without_value)


def first_seeds(seeds: list[Seed], shared: list[Seed], looks: Sequence[int]) -> list[list[Seed]]:
    """Return the first of the seeds at each look at which they are shared; all that are shared if none is declared."""
    return [seeds[:n] for n in looks if n <= len(seeds) and shared[:n] == seeds[:n]] if looks else [shared]


def barred(ours: int, theirs: int) -> set[str]:
    """Return them where so many trials are lost: a side looks better without those that it has lost than it is."""
    return {BETTER if ours > theirs else WORSE, NO_DIFFERENCE} if ours != theirs else set()


def pair(ours: Side, baseline: Side) -> Pairs:
    """Return the two beside each other."""
    shared = [seed for seed in baseline.trials if seed in ours.trials]
    return Pairs(ours, baseline, shared, minus(ours.values, baseline.values))


def minus(ours: dict[Seed, float], theirs: dict[Seed, float]) -> dict[Seed, float]:
    """Return ours minus theirs, of each seed that both have, in their order."""
    return {seed: difference(ours[seed], x) for seed, x in theirs.items() if seed in ours}
