"""Settings as combinations of factor levels: the factorial design, and the effects of its factors.

An effect is a mean over some settings minus a mean over others, with the same seed. So it is one number a seed, and
Student's t over the seeds applies as it does to two settings, also if the settings' spreads differ.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations, permutations
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from paired.data_types import ALONE, AT_LEVEL, AVERAGE, BETTER, INTERACTION, NO_DIFFERENCE, WORSE, Contrast, Measured
from paired.family import Family
from paired.numbers import number_of
from paired.pairs import Side, barred, counted, exclusion, first_seeds
from paired.rule import looked

SHARES = {AVERAGE: 0.5, INTERACTION: 0.25, AT_LEVEL: 0.0, ALONE: 0.25}  # of the level
ROUNDING = 16 * np.finfo(float).eps  # relative to the largest value: a smaller difference is taken for 0

FEW = 4  # up to so many levels of a factor are compared pairwise; more would give too many pairs

Pair = tuple[int, int]  # indices of two levels, the reference first
Levels = Mapping[str, Mapping[str, str]]  # setting, then factor, to the level


class Design(NamedTuple):
    """A complete factorial design: each combination of levels is one setting.

    levels   factor to its levels, the baseline's level first
    settings array of setting names, with one axis for each factor
    """

    levels: dict[str, list[str]]
    settings: NDArray[Any]


def inseparable(levels: Levels) -> list[list[str]]:
    """Return groups of factors that always change together, of those that vary and that all settings have.

    A factor that also changes without others is a group of its own.
    """
    names = [name for name in next(iter(levels.values()), {}) if all(name in own for own in levels.values())]
    groups: dict[tuple[int, ...], list[str]] = {}
    for name in names:
        own = [factors[name] for factors in levels.values()]
        if len({*own}) > 1:
            groups.setdefault(tuple(map(own.index, own)), []).append(name)
    return list(groups.values())


def design(levels: Levels, baseline: str) -> Design | None:
    """Return the design of the settings, or None if they are no complete design of two factors or more.

    None is returned if combinations of levels are missing or occur twice, if the settings have different factors, or if
    fewer than two factors vary. Factors that always change together are one factor of the design.
    """
    groups = inseparable(levels)
    if len({frozenset(own) for own in levels.values()}) > 1:
        return None  # some factors have no effect in some settings
    joined = {  # factors `a` and `b` that change together are one factor `a`, with levels `1 b=5` and `2 b=6`
        setting: {name: " ".join([own[name], *(f"{x}={own[x]}" for x in others)]) for name, *others in groups}
        for setting, own in levels.items()
    }
    levels_of = {
        name: list(dict.fromkeys([joined[baseline][name], *(own[name] for own in joined.values())]))
        for name in joined.get(baseline, {})
    }
    shape = [len(own) for own in levels_of.values()]
    if len(shape) < 2 or prod(shape) != len(joined):
        return None
    settings = np.full(shape, "", dtype=object)
    for setting, own in joined.items():
        settings[tuple(levels_of[name].index(own[name]) for name in levels_of)] = setting
    return None if (settings == "").any() else Design(levels_of, settings)


def design_of(measured: Measured) -> Design | None:
    """Return the `design` of the settings that have a trial with a value. Others would leave all averages undefined."""
    with_value = {
        name for name, trials in measured.settings.items()
        if any(counted(trial).value is not None for trial in trials.values())
    }  # fmt: skip
    return design({name: own for name, own in measured.levels.items() if name in with_value}, measured.baseline)


class Tested(NamedTuple):
    """All tests of a design.

    effects  the average effects, then the interactions, then the effects at one level of another factor. Each has
             its moments at the looks that all settings have reached
    family   the hypotheses and their shares of the level. The hypotheses are the effects, in the same order, then all
             settings except the baseline. None if there are no effects; then the settings share the level equally
    same     {index of an effect: index in the family}. The effect equals the contrast of the setting at that index with
             the baseline. An effect that equals no such contrast is not a key
    """

    effects: list[Contrast]
    family: Family | None
    same: dict[int, int]


def tested(of: Design, sides: Mapping[str, Side], looks: Sequence[int], amounts: Mapping[str, float]) -> Tested:
    """Return the effects of the design's factors at each look, without verdicts; settings' contrasts are not included.

    An effect is computed for each seed that has a trial in all settings, and a value in those that the effect averages.

    sides    the trials of each setting
    looks    declared numbers of seeds, ascending
    amounts  setting to the amount of text or time of a trial; empty if unknown
    """
    baseline = of.settings.flat[0]
    every = list(sides[baseline].trials)
    seeds = [seed for seed in every if all(seed in own.trials for own in sides.values())]
    firsts = first_seeds(every, seeds, looks)
    values = np.array([[sides[name].values.get(seed, np.nan) for name in of.settings.flat] for seed in seeds])
    values = values.reshape(len(seeds), *of.settings.shape)
    given = np.array([amounts.get(name, 1.0) for name in of.settings.flat]).reshape(of.settings.shape)
    names, levels = list(of.levels), list(of.levels.values())

    def effect(kind: str, f: int, pair: Pair, g: int | None = None, at: Sequence[int] = ()) -> Contrast:
        """Return the effect of factor f: its second level in `pair` minus the first.

        If `at` has one level of factor g, it is the effect at that level. If `at` has two, it is the interaction: the
        effect at the last minus the effect at the first. Factors, levels and `at` are indices.
        """
        parts, lost, amount, sums = [], [0, 0], [1.0, 1.0], np.zeros(len(seeds))
        for n, other in enumerate(reversed(at) if at else [None]):
            for side, level in enumerate(reversed(pair)):
                place = tuple(level if axis == f else other if axis == g else slice(None) for axis in range(len(names)))
                cells = values[(slice(None), *place)]
                parts.append(cells.mean(axis=tuple(range(1, cells.ndim))))
                sums += parts[-1] * (1 if side == n else -1)
                lost[side] += int(np.isnan(cells).sum())
                amount[side] = float(given[place].mean())
        sums[np.abs(sums) <= ROUNDING * np.abs(parts).max(axis=0)] = 0.0
        contrast = Contrast(
            kind, "", names[f], levels[f][pair[1]], levels[f][pair[0]], "" if g is None else names[g],
            tuple(levels[g][index] for index in at) if g is not None else (),
            1.0 if kind == INTERACTION else amount[0] / amount[1],
            {seed: float(x) for seed, x in zip(seeds, sums, strict=True) if not np.isnan(x)},
        )  # fmt: skip
        excluded = barred(*lost)
        if kind == INTERACTION:
            excluded = {NO_DIFFERENCE, *((BETTER, WORSE) if any(lost) else ())}
        if any(lost):
            line = f"{number_of(sum(lost), 'trial')} without a value; such seeds are missing here{exclusion(excluded)}"
            contrast = contrast._replace(warnings=(line,))
        return looked(contrast, firsts, excluded)

    factors, pairs = range(len(names)), [_pairs(len(own)) for own in levels]
    crossed = [(f, p, g, q) for f, g in combinations(factors, 2) for p in pairs[f] for q in pairs[g]]
    split = [(f, p, g, (at,)) for f, g in permutations(factors, 2) for p in pairs[f] for at in range(len(levels[g]))]
    asked: list[tuple[Any, ...]] = [
        *((AVERAGE, f, p) for f in factors for p in pairs[f]),
        *((INTERACTION, *own) for own in crossed),
        *((AT_LEVEL, *own) for own in split),
    ]
    others = [name for name in sides if name != baseline]
    place, same = {own[1:]: index for index, own in enumerate(asked)}, dict[int, int]()
    if len(names) == 2:  # an effect at the baseline's level of the other factor is a setting's contrast
        for f, p, g, at in split:
            if p[0] == at[0] == 0:
                setting = of.settings[(p[1], 0) if f == 0 else (0, p[1])]
                same[place[f, p, g, at]] = place[f, p, g, at] = len(asked) + others.index(setting)
    splits = {
        place[f, p, g, q]: (
            (place[f, p, g, q[:1]], place[f, p, g, q[1:]]), (place[g, q, f, p[:1]], place[g, q, f, p[1:]])
        )
        for f, p, g, q in crossed
    }  # fmt: skip
    kinds = [*(kind for kind, *_ in asked), *[ALONE] * len(others)]
    counts = Counter(kinds)
    shares = [SHARES[kind] / counts[kind] for kind in kinds]
    return Tested([effect(*own) for own in asked], Family(shares, splits), same)


def _pairs(levels: int) -> list[Pair]:
    """Return the pairs of levels to compare: all pairs, or, of more than FEW levels, each level with the baseline's."""
    pairs = list(combinations(range(levels), 2))
    return pairs if levels <= FEW else pairs[: levels - 1]
