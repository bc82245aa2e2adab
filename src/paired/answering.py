"""The answer of a comparison: each setting compared with the baseline, paired by seed, and each factor's effects."""

import math
from typing import NamedTuple

from paired.cautions import cautions
from paired.data_types import (
    ALONE,
    CANNOT_TELL,
    INTERACTION,
    LEVEL,
    Answer,
    Band,
    Contrast,
    Curve,
    Measured,
    Seed,
    Summary,
)
from paired.effects import told
from paired.factors import Tested, design_of, inseparable, tested
from paired.pairs import Pairs, Side, barred, first_seeds, minus, pair, side
from paired.rule import decide, direction, looked
from paired.seeds_needed import more_seeds
from paired.statistics import LARGEST, difference, moments, student_interval

IDENTITY = ("kind", "setting", "factor", "level", "reference", "other", "at", "amount", "warnings")
NOTHING = Tested([], None, {})  # used if the settings are no complete design: they share the level equally


class Verdicts(NamedTuple):
    """The verdicts on all settings, by the setting's name, and on the factors' effects.

    sides     the trials of each setting
    pairs     the pairs of each setting, except the baseline, with the baseline
    settings  the contrast of each setting, except the baseline, with the baseline
    effects   the contrasts of the factors that an answer reports: see effects.py
    """

    sides: dict[str, Side]
    pairs: dict[str, Pairs]
    settings: dict[str, Contrast]
    effects: list[Contrast]


def verdicts(measured: Measured) -> Verdicts:
    """Return the verdicts on all settings and effects. If the settings are no complete design, there are no effects."""
    budget = measured.budget if measured.target else None
    sides = {name: side(trials, budget) for name, trials in measured.settings.items()}
    pairs = {name: pair(own, sides[measured.baseline]) for name, own in sides.items() if name != measured.baseline}
    of = design_of(measured)
    effects, family, same = tested(of, sides, measured.looks, measured.amounts) if of else NOTHING
    base_amount = measured.amounts.get(measured.baseline, 1.0)
    settings = []
    for name, own in pairs.items():
        amount = measured.amounts.get(name, 1.0) / base_amount
        contrast = Contrast(ALONE, name, amount=amount, differences=own.differences)
        firsts = first_seeds(list(own.baseline.trials), own.shared, measured.looks)
        if effects:  # a look counts once all settings have its seeds
            firsts = firsts[: len(effects[0].at_looks)]
        settings.append(looked(contrast, firsts, barred(*own.without_value)))
    looks = max(1, len(measured.looks))
    decided = decide([*effects, *settings], looks, measured.better, measured.smallest_difference, family)
    of_effects = [  # an effect that equals a setting's contrast has the setting's seeds and verdict
        decided[same.get(at, at)]._replace(**{name: getattr(effect, name) for name in IDENTITY})
        for at, effect in enumerate(effects)
    ]
    return Verdicts(sides, pairs, dict(zip(pairs, decided[len(effects) :], strict=True)), told(of_effects))


def answered(measured: Measured) -> Answer:
    """Compare the settings and return the answer.

    The order of the seeds is that of the baseline's trials. Seeds after the last reached look (number of seeds at which
    the data are tested) are shown, but not tested.
    """
    sides, pairs, settings, effects = verdicts(measured)
    asked = {name: value for name, value in measured._asdict().items() if name in Answer._fields}
    return Answer(
        **asked,
        summaries=[_summary(name, own) for name, own in sides.items()],
        comparisons=[_whole(measured, settings[name], own) for name, own in pairs.items()],
        bands={name: _bands(curves, measured.baseline, pairs) for name, curves in measured.curves.items()},
        effects=[_with_need(measured, effect) for effect in effects],
        inseparable=tuple(
            {name: tuple(dict.fromkeys(factors[name] for factors in measured.levels.values())) for name in group}
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


def _whole(measured: Measured, contrast: Contrast, pairs: Pairs) -> Contrast:
    """Return the setting's contrast with more_seeds, time_interval, warnings and parts set."""
    sides = pairs.ours, pairs.baseline
    return _with_need(measured, contrast)._replace(
        time_interval=student_interval(moments(minus(*(own.times for own in sides)).values()), LEVEL),
        warnings=tuple(cautions(measured.looks, pairs, contrast)),
        parts=_parts(pairs, contrast.mean_difference or 0.0),
    )


def _parts(pairs: Pairs, mean: float) -> tuple[int, int] | None:
    """Return two numbers: the parts of the test data whose mean difference has the sign of `mean`, and all parts.

    mean  mean difference of the pairs that count

    The mean difference of a part is over all pairs. The result is None if `mean` is 0, if there are no pairs, if the
    parts are unknown, or if the trials have different numbers of parts.
    """
    both = [(pairs.ours.trials[seed].parts, pairs.baseline.trials[seed].parts) for seed in pairs.differences]
    count = len(both[0][0]) if both else 0
    if not mean or not count or any(len(parts) != count for sides in both for parts in sides):
        return None
    sums = [math.fsum(ours[part] - theirs[part] for ours, theirs in both) for part in range(count)]
    return sum(total * mean > 0 for total in sums), count


def _with_need(measured: Measured, contrast: Contrast) -> Contrast:
    """Return the contrast with `more_seeds` set, if it has no verdict yet and more seeds could give one.

    Interactions, effects without a share of the level, and averages whose sign other factors reverse are unchanged.
    """
    if contrast.verdict != CANNOT_TELL or contrast.kind == INTERACTION or contrast.turned_by or contrast.untested:
        return contrast
    whole, alpha = moments(contrast.differences.values()), 1.0 - contrast.tested_level
    if direction(whole, measured.better) in contrast.barred:  # by lost trials: the number of further seeds is unknown
        return contrast._replace(more_seeds=(1, None))
    return contrast._replace(more_seeds=more_seeds(whole, alpha, measured.smallest_difference))


def _bands(curves: dict[str, dict[Seed, Curve]], baseline: str, pairs: dict[str, Pairs]) -> dict[str, Band]:
    """Return, by setting, the band of the paired differences: the setting's curve minus the baseline's.

    A setting needs two pairs of curves. Its band has the updates that all these curves have.

    curves  setting, then seed, to the curve
    """
    bands, theirs = {}, curves.get(baseline, {})
    for name, own in pairs.items():
        ours = curves.get(name, {})
        both = [(ours[seed], theirs[seed]) for seed in own.differences if seed in ours and seed in theirs]
        if len(both) > 1:
            bands[name] = band([_beside(*curves) for curves in both])
    return bands


def _beside(x: Curve, y: Curve) -> Curve:
    return {at: difference(x[at], y[at]) for at in x.keys() & y.keys() if max(abs(x[at]), abs(y[at])) <= LARGEST}


def band(curves: list[Curve]) -> Band:
    """Return the band of the curves at the updates that all curves have. A single curve has a mean but no interval.

    If there are two curves, an update where their values are equal is left out: no interval is defined there.
    """
    result = Band([], [], [])
    for update in sorted(set.intersection(*map(set, curves))):
        at = moments(curve[update] for curve in curves)
        interval = student_interval(at, LEVEL)
        if at.mean is not None and (interval or at.n == 1):
            result.updates.append(update)
            result.means.append(at.mean)
            result.intervals.extend([interval] if interval else [])
    return result
