"""Settings as combinations of factor levels: the factorial design, and the effects of its factors.

An effect is the mean of some settings minus the mean of other settings, with the same seed. So an effect has one number
for each seed, and Student's t over the seeds applies as in a comparison of two settings, also if their spreads differ.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations, permutations
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seedpairs.data_types import ALONE, AT_LEVEL, AVERAGE, INTERACTION, Contrast, Measured
from seedpairs.family import Family
from seedpairs.pairs import common, first_seeds, values
from seedpairs.rule import with_looks

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
    """Return the factors in groups that always change together.

    A factor that also changes alone is a group of its own. Factors that do not vary, or that a setting lacks, are left
    out.
    """
    names = [
        name
        for name in next(iter(levels.values()), {})
        if all(name in values_of_factor for values_of_factor in levels.values())
    ]
    groups: dict[tuple[int, ...], list[str]] = {}
    for name in names:
        values_of_factor = [factors[name] for factors in levels.values()]
        if len({*values_of_factor}) > 1:
            groups.setdefault(tuple(map(values_of_factor.index, values_of_factor)), []).append(name)
    return list(groups.values())


def design(levels: Levels, baseline: str) -> Design | None:
    """Return the design of the settings, or None if the settings are no complete design of two factors or more.

    The design is not complete if combinations of levels are missing or occur twice, or if the settings have different
    factors. Factors that always change together are one factor of the design.
    """
    groups = inseparable(levels)
    if len({frozenset(factors) for factors in levels.values()}) > 1:
        return None  # some factors have no effect in some settings
    joined = {  # factors `a` and `b` that change together are one factor `a`, with levels `1 b=5` and `2 b=6`
        setting: {name: " ".join([factors[name], *(f"{x}={factors[x]}" for x in others)]) for name, *others in groups}
        for setting, factors in levels.items()
    }
    first = joined.get(baseline, {})
    levels_of = {name: list(dict.fromkeys(factors[name] for factors in (first, *joined.values()))) for name in first}
    shape = [len(factors) for factors in levels_of.values()]
    if len(shape) < 2 or prod(shape) != len(joined):
        return None
    settings = np.full(shape, "", dtype=object)
    for setting, factors in joined.items():
        settings[tuple(levels_of[name].index(factors[name]) for name in levels_of)] = setting
    return None if (settings == "").any() else Design(levels_of, settings)


def design_of(measured: Measured) -> Design | None:
    """Return the design (see `design`) of the settings that have a value; the others would leave averages undefined."""
    with_value = [name for name in measured.levels if values(measured.settings.get(name, {}))]
    return design({name: measured.levels[name] for name in with_value}, measured.baseline)


def tested_effects(measured: Measured) -> tuple[list[Contrast], Family | None, dict[int, int]]:
    """Return three results: the effects of the factors, undecided; the family of all tests; the tests that are equal.

    effects  the average effects, then the interactions, then the effects at one level of another factor. Each effect
             has `at_looks` for the looks that all settings have reached, and a difference for each seed that has a
             trial in all settings and a value in the settings that this effect averages
    family   the hypotheses and their shares of the level. The hypotheses are the effects, in the same order, then all
             settings except the baseline. None if there are no effects; then the settings share the level equally
    equal    index of an effect to the index, in the family, of a setting: the effect equals the contrast of that
             setting with the baseline. Other effects are not keys

    If the settings are no complete design, there are no effects.
    """
    of = design_of(measured)
    if of is None:
        return [], None, {}
    trials = measured.settings
    seeds = common([trials[measured.baseline], *trials.values()])
    firsts = first_seeds(list(trials[measured.baseline]), seeds, measured.looks)
    table = np.array([[trials[name][seed].value for name in of.settings.flat] for seed in seeds], dtype=float)
    table = table.reshape(len(seeds), *of.settings.shape)  # NaN: no value
    amounts = np.array([measured.amounts.get(name, 1.0) for name in of.settings.flat]).reshape(of.settings.shape)
    names, levels = list(of.levels), list(of.levels.values())

    def effect(kind: str, f: int, pair: Pair, g: int = -1, at: Sequence[int] = ()) -> Contrast:
        """Return the effect of factor f: the mean at the second level in `pair` minus the mean at the first.

        If `at` has one level of factor g, return the effect at that level. If `at` has two levels of g, return the
        interaction: the effect at the second minus the effect at the first. f, g, `pair` and `at` are indices.

        kind  the kind of the result: see Contrast
        """
        parts, amount, sums = [], [1.0, 1.0], np.zeros(len(seeds))
        missing = np.zeros((len(seeds), 2), dtype=int)  # values, on either side
        for n, other in enumerate(reversed(at) if at else [None]):
            for side, level in enumerate(reversed(pair)):
                place = tuple(level if axis == f else other if axis == g else slice(None) for axis in range(len(names)))
                cells = table[(slice(None), *place)]
                parts.append(cells.mean(axis=tuple(range(1, cells.ndim))))
                sums += parts[-1] * (1 if side == n else -1)
                missing[:, side] += np.isnan(cells).sum(axis=tuple(range(1, cells.ndim)))
                amount[side] = float(amounts[place].mean())
        sums[np.abs(sums) <= ROUNDING * np.abs(parts).max(axis=0)] = 0.0
        contrast = Contrast(
            kind, "", names[f], levels[f][pair[1]], levels[f][pair[0]], names[g] if at else "",
            tuple(levels[g][index] for index in at), 1.0 if kind == INTERACTION else amount[0] / amount[1],
            {seed: float(x) for seed, x in zip(seeds, sums, strict=True) if not np.isnan(x)},
        )  # fmt: skip
        return with_looks(contrast, firsts, dict(zip(seeds, missing.tolist(), strict=True)))

    factors, pairs = range(len(names)), [_pairs(len(hypothesis)) for hypothesis in levels]
    crossed = [(f, p, g, q) for f, g in combinations(factors, 2) for p in pairs[f] for q in pairs[g]]
    split = [(f, p, g, (at,)) for f, g in permutations(factors, 2) for p in pairs[f] for at in range(len(levels[g]))]
    averages = [(f, p) for f in factors for p in pairs[f]]
    hypotheses: list[tuple[Any, ...]] = [*averages, *crossed, *split]
    others = [name for name in trials if name != measured.baseline]
    index, equal = {hypothesis: n for n, hypothesis in enumerate(hypotheses)}, dict[int, int]()
    if len(names) == 2:  # an effect at the baseline's level of the other factor is a setting's contrast
        for f, p, g, at in split:
            if p[0] == at[0] == 0:
                setting = of.settings[(p[1], 0) if f == 0 else (0, p[1])]
                equal[index[f, p, g, at]] = index[f, p, g, at] = len(hypotheses) + others.index(setting)

    def halves(f: int, p: Pair, g: int, q: Pair) -> tuple[int, int]:
        """Return the indices, in the family, of two effects of factor f: at the first and second level in q of g.

        p  the levels of f that both effects compare
        """
        return index[f, p, g, q[:1]], index[f, p, g, q[1:]]

    splits = {index[f, p, g, q]: (halves(f, p, g, q), halves(g, q, f, p)) for f, p, g, q in crossed}
    counts = {AVERAGE: len(averages), INTERACTION: len(crossed), AT_LEVEL: len(split), ALONE: len(others)}
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    effects = [effect(kind, *hypothesis) for kind, hypothesis in zip(kinds, hypotheses, strict=False)]
    return effects, Family([SHARES[kind] / counts[kind] for kind in kinds], splits), equal


def _pairs(levels: int) -> list[Pair]:
    """Return the pairs of levels to compare, as indices. Level 0 is that of the baseline.

    With at most FEW levels the result has all pairs; with more, only the pairs that contain level 0.

    levels  number of levels of a factor
    """
    pairs = list(combinations(range(levels), 2))
    return pairs if levels <= FEW else pairs[: levels - 1]
