"""The answer of a comparison: every setting beside the baseline, paired by seed."""

from typing import NamedTuple

from paired.cautions import cautions
from paired.data_types import (
    ALPHA,
    CANNOT_TELL,
    LEVEL,
    Answer,
    Band,
    Comparison,
    Curve,
    Effect,
    Measured,
    Seed,
    Summary,
)
from paired.effects import deciding, found
from paired.factors import Tested, design_of, inseparable, tested
from paired.pairs import Pairs, Side, minus, pair, side
from paired.rule import Decision, Looked, decide
from paired.seeds_needed import more_seeds
from paired.statistics import (
    LARGEST,
    Moments,
    correlation,
    difference,
    exploded_p,
    moments,
    sign_flip_p,
    student_interval,
    welch_interval,
)

NOTHING = Tested([], None, {})  # of settings that are no design: they share the level equally


class Decided(NamedTuple):
    """The sides, and their pairs with the baseline; what was decided of these, all by setting; and the effects."""

    sides: dict[str, Side]
    pairs: dict[str, Pairs]
    settings: dict[str, Decision]
    effects: list[Effect]


def decided(measured: Measured) -> Decided:
    """Return all verdicts."""
    budget = measured.budget if measured.target else None
    sides = {name: side(trials, budget) for name, trials in measured.settings.items()}
    base = sides[measured.baseline]
    pairs = {name: pair(each, base) for name, each in sides.items() if name != measured.baseline}
    looks, looked = max(1, len(measured.looks)), [each.at(measured.looks) for each in pairs.values()]
    of = design_of(measured)
    contrasts, family, same = tested(of, sides, measured.looks, measured.amounts) if of else NOTHING
    if contrasts:  # a look counts once all settings have its seeds
        looked = [each[: len(contrasts[0].firsts)] for each in looked]
    for at, place in same.items():  # what is one and the same has the same seeds
        own = list(pairs.values())[place - len(contrasts)].differences
        firsts = contrasts[at].firsts if measured.looks else [list(own)]
        contrasts[at] = contrasts[at]._replace(differences=own, firsts=firsts)
    all_of_it = [Looked(each.pairs, each.barred) for each in contrasts]
    all_of_it += [Looked(*each) for each in zip(looked, (each.barred for each in pairs.values()), strict=True)]
    decisions = decide(all_of_it, looks, measured.better, measured.smallest_difference, family)
    effects = found(contrasts, [decisions[same.get(at, at)] for at in range(len(contrasts))])
    return Decided(sides, pairs, dict(zip(pairs, decisions[len(contrasts) :], strict=True)), effects)


def answered(measured: Measured) -> Answer:
    """Return what the trials say.

    Seeds come in the order of the baseline's, and seeds beyond the looks that are reached are shown and decide nothing.
    """
    told = decided(measured)
    asked = {name: value for name, value in measured._asdict().items() if name in Answer._fields}
    return Answer(
        **asked,
        summaries=[_summary(name, each) for name, each in told.sides.items()],
        comparisons=[_comparison(measured, name, each, told.settings[name]) for name, each in told.pairs.items()],
        bands={name: _bands(curves, measured.baseline, told.pairs) for name, curves in measured.curves.items()},
        effects=told.effects,
        inseparable=tuple(
            {name: tuple(dict.fromkeys(each[name] for each in measured.levels.values())) for name in group}
            for group in inseparable(measured.levels)
            if len(group) > 1
        ),
    )


def _summary(name: str, own: Side) -> Summary:
    values = moments(own.values.values())
    reached = sum(trial.reached is not None for trial in own.trials.values())
    return Summary(
        name, len(own.trials), *values, student_interval(values, LEVEL), own.exploded, reached,
        moments(own.times.values()).mean,
    )  # fmt: skip


def _comparison(measured: Measured, name: str, pairs: Pairs, decision: Decision) -> Comparison:
    sides, differences = (pairs.ours, pairs.baseline), list(pairs.differences.values())
    ours, theirs = (moments(each.values.values()) for each in sides)
    given = [measured.amounts.get(each, 1.0) for each in (name, measured.baseline)]
    return Comparison(
        setting=name,
        correlation=correlation(*([each.values[seed] for seed in pairs.differences] for each in sides)),
        welch_interval=welch_interval(ours, theirs, LEVEL),
        sign_flip_p=sign_flip_p(differences),
        more_seeds=_more_seeds(moments(differences), decision, measured.smallest_difference),
        time_interval=student_interval(moments(minus(*(each.times for each in sides)).values()), LEVEL),
        exploded_p=exploded_p(*(count for each in sides for count in (each.exploded, len(each.trials)))),
        warnings=tuple(cautions(measured.looks, pairs, decision)),
        amount=given[0] / given[1],
        **deciding(pairs.differences, pairs.at(measured.looks), decision),
    )


def _more_seeds(whole: Moments, decision: Decision, smallest: float | None) -> tuple[int, int | None] | None:
    """Return how many more seeds; nobody knows where trials without a value bar a verdict, and not their number."""
    if decision.verdict != CANNOT_TELL:
        return None
    if decision.adjusted_p is not None and decision.adjusted_p <= ALPHA:
        return 1, None
    return more_seeds(whole, 1.0 - decision.level, smallest)


def _bands(curves: dict[str, dict[Seed, Curve]], baseline: str, pairs: dict[str, Pairs]) -> dict[str, Band]:
    """Return the band of each setting, at the updates that all its pairs have; of two pairs or more."""
    bands, theirs = {}, curves.get(baseline, {})
    for name, each in pairs.items():
        ours = curves.get(name, {})
        both = [(ours[seed], theirs[seed]) for seed in each.differences if seed in ours and seed in theirs]
        if len(both) > 1:
            bands[name] = band([_beside(*curves) for curves in both])
    return bands


def _beside(x: Curve, y: Curve) -> Curve:
    return {at: difference(x[at], y[at]) for at in x.keys() & y.keys() if max(abs(x[at]), abs(y[at])) <= LARGEST}


def band(curves: list[Curve]) -> Band:
    """Return mean and interval where all the curves have a value; of a single one there is no interval."""
    found = Band([], [], [])
    for update in sorted(set.intersection(*map(set, curves))):
        at = moments(curve[update] for curve in curves)
        interval = student_interval(at, LEVEL)
        if at.mean is not None and (interval or at.n == 1):
            found.updates.append(update)
            found.means.append(at.mean)
            found.intervals.extend([interval] if interval else [])
    return found
