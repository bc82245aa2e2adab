"""The answer of a comparison: every setting beside the baseline, paired by seed."""

from paired.cautions import cautions
from paired.need import more_seeds
from paired.pairs import Pairs, Trials, exploded, pair, value
from paired.rule import Decision, Looked, decide
from paired.statistics import (
    LARGEST,
    Moments,
    correlation,
    differences,
    exploded_p,
    moments,
    sign_flip_p,
    student_interval,
    student_p,
    welch_interval,
)
from paired.types import (
    ALPHA,
    CANNOT_TELL,
    LEVEL,
    Answer,
    Band,
    Comparison,
    Curve,
    Interval,
    Measured,
    Measurement,
    Seed,
    Summary,
)


def answered(measured: Measured) -> Answer:
    """Return what the trials say.

    Seeds come in the order of the baseline's, and seeds beyond the looks that are reached are shown and decide nothing.
    """
    others = [pair(measured, name) for name in measured.settings if name != measured.baseline]
    looked = [Looked(_looks(pairs, measured.looks), pairs.barred) for pairs in others]
    decisions = decide(looked, max(1, len(measured.looks)), measured.better, measured.smallest_difference)
    return Answer(
        measure=measured.measure,
        better=measured.better,
        baseline=measured.baseline,
        looks=measured.looks,
        smallest_difference=measured.smallest_difference,
        target=measured.target,
        summaries=[_summary(name, trials, _budget(measured)) for name, trials in measured.settings.items()],
        comparisons=[_comparison(measured, *each) for each in zip(others, decisions, strict=True)],
        bands={name: _bands(curves, measured.baseline, others) for name, curves in measured.curves.items()},
        warnings=measured.warnings,
    )


def _looks(pairs: Pairs, looks: tuple[int, ...]) -> list[Moments]:
    """Return the moments of the pairs at each look that they have reached."""
    reached = [pairs.first(n) for n in looks] if looks else [moments(list(pairs.differences.values()))]
    return [each for each in reached if each is not None]


def _summary(name: str, trials: Trials, budget: int | None) -> Summary:
    own = moments([x for x in map(value, trials.values()) if x is not None])
    return Summary(
        setting=name,
        trials=len(trials),
        n=own.n,
        mean=own.mean,
        sd=own.sd,
        interval=student_interval(own, LEVEL),
        exploded=exploded(trials),
        reached=sum(trial.reached is not None for trial in trials.values()),
        mean_time=None if budget is None else moments([_time(trial, budget) for trial in trials.values()]).mean,
    )


def _budget(measured: Measured) -> int | None:
    return measured.budget if measured.target else None


def _time(trial: Measurement, budget: int) -> float:
    """Return the updates to the target, at most the budget."""
    return budget if trial.reached is None else min(trial.reached, budget)


def _comparison(measured: Measured, pairs: Pairs, decision: Decision) -> Comparison:
    ours, theirs = (
        {seed: x for seed, trial in side.items() if (x := value(trial)) is not None}
        for side in (pairs.trials, pairs.baseline)
    )
    difference = moments(list(pairs.differences.values()))
    return Comparison(
        setting=pairs.name,
        n=difference.n,
        differences=pairs.differences,
        mean_difference=difference.mean,
        sd=difference.sd,
        interval=student_interval(difference, LEVEL),
        tested_level=decision.level,
        tested_interval=decision.interval,
        correlation=correlation(
            [ours[seed] for seed in pairs.differences], [theirs[seed] for seed in pairs.differences]
        ),
        welch_interval=welch_interval(moments(list(ours.values())), moments(list(theirs.values())), LEVEL),
        p=student_p(difference),
        adjusted_p=decision.adjusted_p,
        sign_flip_p=sign_flip_p(list(pairs.differences.values())),
        verdict=decision.verdict,
        more_seeds=_more_seeds(difference, decision, measured.smallest_difference),
        time_interval=_time_interval(pairs, _budget(measured)),
        exploded_p=exploded_p(exploded(pairs.trials), len(pairs.trials), exploded(pairs.baseline), len(pairs.baseline)),
        warnings=tuple(cautions(measured.looks, pairs, decision)),
    )


def _more_seeds(difference: Moments, decision: Decision, smallest: float | None) -> tuple[int, int | None] | None:
    """Return how many more seeds; nobody knows where it is the diverged trials that bar a verdict, not their number."""
    if decision.verdict != CANNOT_TELL:
        return None
    if decision.adjusted_p is not None and decision.adjusted_p <= ALPHA:
        return 1, None
    return more_seeds(difference, 1.0 - decision.level, smallest)


def _time_interval(pairs: Pairs, budget: int | None) -> Interval | None:
    if budget is None:
        return None
    times = [[_time(side[seed], budget) for seed in pairs.shared] for side in (pairs.trials, pairs.baseline)]
    return student_interval(moments(differences(*times)), LEVEL)


def _bands(curves: dict[str, dict[Seed, Curve]], baseline: str, others: list[Pairs]) -> dict[str, Band]:
    """Return the band of each setting, at the updates that all its pairs have; of two pairs or more."""
    bands = {}
    for pairs in others:
        ours, theirs = curves.get(pairs.name, {}), curves.get(baseline, {})
        both = [(ours[seed], theirs[seed]) for seed in pairs.differences if seed in ours and seed in theirs]
        if len(both) > 1:
            bands[pairs.name] = _band(both)
    return bands


def _band(both: list[tuple[Curve, Curve]]) -> Band:
    """Return that of the pairs of curves."""
    curves = [curve for each in both for curve in each]
    band = Band([], [], [])
    for update in sorted(set.intersection(*map(set, curves))):
        if all(abs(curve[update]) <= LARGEST for curve in curves):
            at = moments(differences([x[update] for x, _ in both], [y[update] for _, y in both]))
            interval = student_interval(at, LEVEL)
            if at.mean is not None and interval is not None:
                band.updates.append(update)
                band.means.append(at.mean)
                band.intervals.append(interval)
    return band
