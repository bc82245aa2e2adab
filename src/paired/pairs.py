"""The trials of a setting, and their pairs with the baseline's trials of the same seeds."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from paired.data_types import BETTER, NO_DIFFERENCE, VERDICTS, WORSE, Measurement, Seed
from paired.statistics import LARGEST, difference

Trials = dict[Seed, Measurement]


def counted(trial: Measurement) -> Measurement:
    """Return the trial. If its value is missing, NaN or beyond ±LARGEST, the result has no value and is exploded."""
    is_result = trial.value is not None and abs(trial.value) <= LARGEST
    return trial if is_result else trial._replace(value=None, exploded=True)


class Side(NamedTuple):
    """The trials of one setting: one of the two sides of a comparison.

    trials  seed to trial, as `counted` returns it
    values  seed to value, for the trials that have a value
    times   seed to updates until the target was reached, at most the budget; empty if there is no budget
    """

    trials: Trials
    values: dict[Seed, float]
    times: dict[Seed, float]

    @property
    def exploded(self) -> int:
        """Return the number of trials that exploded. Trials without a value count as exploded."""
        return sum(trial.exploded for trial in self.trials.values())


def side(trials: Trials, budget: int | None) -> Side:
    """Return a setting's trials as a Side.

    budget  number of updates of a trial; a trial that did not reach the target counts with it. None: no times
    """
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
    """The pairs of a setting with the baseline.

    ours         the trials of the setting
    baseline     the trials of the baseline
    shared       seeds with a trial on both sides, in the baseline's order
    differences  seed to the setting's value minus the baseline's, for seeds with a value on both sides
    """

    ours: Side
    baseline: Side
    shared: list[Seed]
    differences: dict[Seed, float]

    @property
    def without_value(self) -> tuple[int, int]:
        """Return the numbers of shared seeds without a value: in the setting, and in the baseline."""
        ours, theirs = (sum(seed not in own.values for seed in self.shared) for own in (self.ours, self.baseline))
        return ours, theirs


def first_seeds(seeds: list[Seed], shared: list[Seed], looks: Sequence[int]) -> list[list[Seed]]:
    """Return the seeds of each look that is reached; if no look is declared, one list with all shared seeds.

    seeds   the baseline's seeds; a look at n seeds is reached if the first n of them are all shared
    shared  the seeds with a trial on both sides, in the order of `seeds`
    """
    return [seeds[:n] for n in looks if n <= len(seeds) and shared[:n] == seeds[:n]] if looks else [shared]


def barred(ours: int, theirs: int) -> set[str]:
    """Return the verdicts that are excluded because trials have no value; none if both sides have equally many.

    ours, theirs  number of trials without a value in the setting and in the baseline

    The side with more such trials looks better than it is, because its worst values are missing. So a verdict in its
    favour, and NO_DIFFERENCE, are excluded.
    """
    return {BETTER if ours > theirs else WORSE, NO_DIFFERENCE} if ours != theirs else set()


def exclusion(barred: Collection[str]) -> str:
    """Return the end of a warning, which names the excluded verdicts; "" if there are none."""
    return f"; the verdict cannot be {' or '.join(sorted(barred, key=VERDICTS.index))}" if barred else ""


def pair(ours: Side, baseline: Side) -> Pairs:
    """Return the pairs of a setting's trials with the baseline's trials, by seed."""
    shared = [seed for seed in baseline.trials if seed in ours.trials]
    return Pairs(ours, baseline, shared, minus(ours.values, baseline.values))


def minus(ours: dict[Seed, float], theirs: dict[Seed, float]) -> dict[Seed, float]:
    """Return ours minus theirs, by seed, for the seeds that both have, in the order of theirs."""
    return {seed: difference(ours[seed], x) for seed, x in theirs.items() if seed in ours}
