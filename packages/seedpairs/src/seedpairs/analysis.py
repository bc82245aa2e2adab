"""The answer of a comparison: each setting compared with the baseline, paired by seed, and each factor's effects."""

import math
from collections.abc import Collection
from dataclasses import replace
from typing import TypeVar

from seedpairs.data_types import (
    CANNOT_TELL,
    INTERACTION,
    LEVEL,
    Analysis,
    Band,
    Contrast,
    Curve,
    Measured,
    Seed,
    Summary,
)
from seedpairs.effects import reportable
from seedpairs.factors import inseparable, tested_effects
from seedpairs.pairs import paired_differences, setting_contrasts, values, with_valid_value
from seedpairs.rule import decide, direction
from seedpairs.seeds_needed import UNKNOWN, more_seeds
from seedpairs.statistics import moments, student_interval
from seedpairs.warnings_about_pairs import warnings_about, without_values

T = TypeVar("T")
IDENTIFYING_FIELDS = ("kind", "setting", "factor", "level", "reference", "other", "at", "amount")


def verdicts(measured: Measured) -> tuple[list[Contrast], list[Contrast]]:
    """Return two lists of decided contrasts: of each setting except the baseline, and of the effects that are reported.

    If the settings are no complete factorial design, the second list is empty.

    measured  with trials as `with_valid_value` returns them
    """
    (effects, family, equal), settings = tested_effects(measured), setting_contrasts(measured)
    if effects:  # a look counts once all settings have its seeds
        settings = [x._replace(at_looks=x.at_looks[: len(effects[0].at_looks)]) for x in settings]
    looks = max(1, len(measured.looks))
    decided = decide([*effects, *settings], looks, measured.better, measured.smallest_difference, family)
    for effect, setting in equal.items():  # an effect that equals a setting's contrast has its seeds and verdict
        decided[effect] = decided[setting]._replace(
            **{name: getattr(effects[effect], name) for name in IDENTIFYING_FIELDS}
        )
    return decided[len(effects) :], reportable(decided[: len(effects)])


def answered(measured: Measured) -> Analysis:
    """Compare the settings and return the answer.

    The order of the seeds is that of the baseline's trials. A look is a number of seeds at which the data are tested.
    Seeds after the look that decides are in the answer, but they are not tested.
    """
    trials = {
        name: {seed: with_valid_value(x) for seed, x in trials_of_setting.items()}
        for name, trials_of_setting in measured.settings.items()
    }
    measured = replace(measured, settings=trials)
    settings, effects = verdicts(measured)
    seeds = _seeds_of(measured, settings)
    groups = [group for group in inseparable(measured.levels) if len(group) > 1]
    levels = measured.levels.values()
    return Analysis(
        **vars(measured),
        summaries=[_summary(measured, *trials_of_setting) for trials_of_setting in seeds.items()],
        comparisons=[_whole(measured, contrast, seeds[contrast.setting]) for contrast in settings],
        bands={name: _bands(curves, measured.baseline, settings) for name, curves in measured.curves.items()},
        effects=[_with_need(measured, x)._replace(warnings=tuple(without_values(x))) for x in effects],
        inseparable=tuple(
            {name: tuple(dict.fromkeys(trials_of_setting[name] for trials_of_setting in levels)) for name in x}
            for x in groups
        ),
    )


def with_labels(analysis: Analysis) -> Analysis:
    """Return the answer for readers: each setting that is a key of `names` is renamed to its value, a unique name."""

    def name(setting: str) -> str:
        return analysis.names.get(setting, setting)

    def renamed(by_setting: dict[str, T]) -> dict[str, T]:
        return {name(setting): value for setting, value in by_setting.items()}

    return replace(
        analysis,
        baseline=name(analysis.baseline),
        settings=renamed(analysis.settings),
        curves={curve: renamed(x) for curve, x in analysis.curves.items()},
        bands={curve: renamed(x) for curve, x in analysis.bands.items()},
        levels=renamed(analysis.levels),
        amounts=renamed(analysis.amounts),
        summaries=[x._replace(setting=name(x.setting)) for x in analysis.summaries],
        comparisons=[x._replace(setting=name(x.setting)) for x in analysis.comparisons],
    )


def _seeds_of(measured: Measured, contrasts: list[Contrast]) -> dict[str, list[Seed]]:
    """Return, by setting, the seeds that count: those of the look that decided about the setting, or the last look.

    Without declared looks, or if the contrast is not tested, all seeds of the setting count. For the baseline the seeds
    of the largest of these looks count.
    """
    base = list(measured.settings[measured.baseline])
    tested = {x.setting: base[: x.at_looks[x.look].seeds] for x in contrasts if measured.looks and x.look is not None}
    every = {name: list(trials_of_setting) for name, trials_of_setting in measured.settings.items()}
    return every | tested | {measured.baseline: max(tested.values(), key=len, default=base)}


def _summary(measured: Measured, setting: str, seeds: list[Seed]) -> Summary:
    trials = {seed: measured.settings[setting][seed] for seed in seeds}
    whole, results = moments(values(trials).values()), trials.values()
    return Summary(
        setting, len(trials), *whole, student_interval(whole, LEVEL), sum(trial.exploded for trial in results),
        sum(trial.reached is not None for trial in results), moments(_times(measured, setting, seeds).values()).mean,
    )  # fmt: skip


def _times(measured: Measured, setting: str, seeds: Collection[Seed]) -> dict[Seed, float]:
    """Return the number of updates to the target by seed, at most the budget; {} without a target or a budget."""
    budget = (measured.budget or 0) if measured.target else 0
    trials = [item for item in measured.settings[setting].items() if budget and item[0] in seeds]
    return {seed: budget if trial.reached is None else min(trial.reached, budget) for seed, trial in trials}


def _whole(measured: Measured, contrast: Contrast, seeds: Collection[Seed]) -> Contrast:
    """Return the setting's contrast with more_seeds, time_interval, warnings and parts set.

    seeds  the seeds of the setting that count
    """
    times = paired_differences(*(_times(measured, name, seeds) for name in (contrast.setting, measured.baseline)))
    return _with_need(measured, contrast)._replace(
        time_interval=student_interval(moments(times.values()), LEVEL),
        warnings=tuple(warnings_about(measured, contrast)),
        parts=_parts(measured, contrast),
    )


def _parts(measured: Measured, contrast: Contrast) -> tuple[int, int] | None:
    """Return how many parts of the test data have a mean difference with the contrast's sign, and how many there are.

    The mean difference of a part is over the pairs that count. The result is None if the contrast has no sign, if the
    parts are unknown, or if the trials have different numbers of parts.
    """
    mean, sides = contrast.mean_difference, [measured.settings[name] for name in (contrast.setting, measured.baseline)]
    both = [[trials[seed].parts for trials in sides] for seed in contrast.counting]
    counts = {len(parts) for pair in both for parts in pair}
    if not mean or len(counts) != 1 or 0 in counts:
        return None
    parts = zip(*(zip(*pair, strict=True) for pair in both), strict=True)  # of each part, the pairs of values
    sums = [math.fsum(first - second for first, second in part) for part in parts]
    return sum(total * mean > 0 for total in sums), len(sums)


def _with_need(measured: Measured, contrast: Contrast) -> Contrast:
    """Return the contrast with `more_seeds` set, if it has no verdict yet and more seeds could give one.

    Interactions, effects without a share of ALPHA, and averages whose sign other factors reverse are unchanged.
    """
    if contrast.verdict != CANNOT_TELL or contrast.kind == INTERACTION or contrast.turned_by or contrast.untested:
        return contrast
    pairs, alpha = moments(contrast.counting.values()), 1.0 - contrast.tested_level
    if direction(pairs, measured.better) in contrast.barred:  # by lost trials: the number of further seeds is unknown
        return contrast._replace(more_seeds=UNKNOWN)
    return contrast._replace(more_seeds=more_seeds(pairs, alpha, measured.smallest_difference))


def _bands(curves: dict[str, dict[Seed, Curve]], baseline: str, settings: list[Contrast]) -> dict[str, Band]:
    """Return, by setting, the band of the paired differences: the setting's curve minus the baseline's.

    A setting with fewer than two pairs of curves has no band. A band has the updates that all curves in its pairs have.

    curves  setting, then seed, to the curve
    """
    bands, baseline_curves = {}, curves.get(baseline, {})
    for contrast in settings:
        setting_curves = curves.get(contrast.setting, {})
        pairs = [
            paired_differences(setting_curves[seed], baseline_curves[seed])
            for seed in contrast.differences
            if seed in setting_curves and seed in baseline_curves
        ]
        if len(pairs) > 1:
            bands[contrast.setting] = band(pairs)
    return bands


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
