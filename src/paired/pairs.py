"""The trials of a setting, and their pairs with the baseline's trials of the same seeds."""

from collections.abc import Sequence
from typing import NamedTuple

from paired.data_types import BETTER, NO_DIFFERENCE, WORSE, Measurement, Seed
from paired.statistics import LARGEST, difference

Trials = dict[Seed, Measurement]


def counted(trial: Measurement) -> Measurement:
    """Return the trial as all statistics use it: without a value, and exploded, if its value is missing or no result.

    A value that is NaN or larger than LARGEST is no result.
    """
    is_result = trial.value is not None and abs(trial.value) <= LARGEST
    return trial if is_result else trial._replace(value=None, exploded=True)


class Side(NamedTuple):
    """The trials of one setting.

    values  seed to value, for the trials that have one
    times   seed to updates to the target, at most the budget; empty if there is no budget
    """

    trials: Trials
    values: dict[Seed, float]
    times: dict[Seed, float]

    @property
    def exploded(self) -> int:
        """The number of trials that exploded; those without a value count, too."""
        return sum(trial.exploded for trial in self.trials.values())


def side(trials: Trials, budget: int | None) -> Side:
    """Return the setting that has these trials."""
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
    differences  seed to the setting's value minus the baseline's, for seeds with a value on both sides
    """

    ours: Side
    baseline: Side
    shared: list[Seed]
    differences: dict[Seed, float]

    def firsts(self, looks: tuple[int, ...]) -> list[list[Seed]]:
        """Return the seeds of each look that is reached; all shared seeds if no look is declared.

        A look at n seeds is reached if the first n seeds of the baseline are on both sides.
        """
        return first_seeds(list(self.baseline.trials), self.shared, looks)

    @property
    def without_value(self) -> tuple[int, int]:
        """The numbers of shared seeds without a value, in the setting and in the baseline."""
        ours, theirs = (sum(seed not in own.values for seed in self.shared) for own in (self.ours, self.baseline))
        return ours, theirs

    @property
    def barred(self) -> set[str]:
        """The verdicts that lost trials exclude."""
        return barred(*self.without_value)


def first_seeds(seeds: list[Seed], shared: list[Seed], looks: Sequence[int]) -> list[list[Seed]]:
    """Return the first n seeds for each look at n seeds, if all are shared; without looks, return all shared seeds."""
    return [seeds[:n] for n in looks if n <= len(seeds) and shared[:n] == seeds[:n]] if looks else [shared]


def barred(ours: int, theirs: int) -> set[str]:
    """Return the verdicts that lost trials exclude, given their number on each side.

    A side that has lost more trials looks better than it is, because its worst values are missing.
    """
    return {BETTER if ours > theirs else WORSE, NO_DIFFERENCE} if ours != theirs else set()


def pair(ours: Side, baseline: Side) -> Pairs:
    """Pair a setting with the baseline."""
    shared = [seed for seed in baseline.trials if seed in ours.trials]
    return Pairs(ours, baseline, shared, minus(ours.values, baseline.values))


def minus(ours: dict[Seed, float], theirs: dict[Seed, float]) -> dict[Seed, float]:
    """Return ours minus theirs for each seed that both have, in the order of theirs."""
    return {seed: difference(ours[seed], x) for seed, x in theirs.items() if seed in ours}
