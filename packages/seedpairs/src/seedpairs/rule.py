"""The decision rule: looks, the shared level, and the interval at the tested level. data_types.py defines these terms.

All looks share the level: with k declared looks the smallest p so far is multiplied by k. So over all comparisons and
looks together, at most one answer in twenty says *better* or *worse* without a true difference. The looks are tested in
their order, and a verdict is final.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from seedpairs.data_types import ALPHA, BETTER, CANNOT_TELL, LEVEL, NO_DIFFERENCE, WORSE, Contrast, Look, Moments, Seed
from seedpairs.family import Family
from seedpairs.statistics import moments, student_interval, student_p


def with_looks(contrast: Contrast, firsts: Iterable[Sequence[Seed]], missing: Mapping[Seed, Sequence[int]]) -> Contrast:
    """Return the contrast with its field `at_looks` set: the moments of the paired differences at each look reached.

    firsts   the seeds of each look that is reached
    missing  seed to the numbers of trials without a value on the contrast's first side and on its second side
    """
    differences, at_looks = contrast.differences, list[Look]()
    for first in firsts:
        first_lost, second_lost = (sum(missing[seed][side] for seed in first) for side in (0, 1))
        at_looks.append(
            Look(
                len(first),
                moments(differences[seed] for seed in first if seed in differences),
                (first_lost, second_lost),
            )
        )
    return contrast._replace(at_looks=tuple(at_looks))


def decide(
    contrasts: Sequence[Contrast], looks: int, better: str, smallest: float | None, family: Family | None = None
) -> list[Contrast]:
    """Return each contrast, of settings or effects, with its verdict and the numbers of the look that decided.

    A contrast without a verdict has the numbers of the last look that is reached; if no look is, those of all pairs.

    contrasts  not decided yet, with `at_looks`
    looks      the number of declared looks, or 1
    better     "lower" or "higher"
    smallest   the smallest difference that matters; None if not declared
    family     how the contrasts share the level; None: equally
    """
    family, decided = family or Family([1.0] * len(contrasts)), list(contrasts)
    best: list[tuple[float, int]] = [(math.inf, -1)] * len(contrasts)  # the smallest p so far, and its look
    for look in range(looks):
        undecided = [j for j, contrast in enumerate(decided) if contrast.verdict == CANNOT_TELL]
        for j in undecided:
            for at in contrasts[j].at_looks[look : look + 1]:
                p = student_p(at.pairs)
                if p is not None and direction(at.pairs, better) not in at.barred(contrasts[j].kind):
                    best[j] = min(best[j], (p, look))
        steps = family.steps([min(1.0, looks * p) for p, _ in best], ALPHA)
        for j in undecided:
            adjusted, divisor = steps[j]
            level, first = 1.0 - ALPHA / (looks * divisor), best[j][1]
            contrast = contrasts[j]._replace(tested_level=level, adjusted_p=None if first < 0 else adjusted)
            decided[j] = _tested(contrast, look, first, better, smallest)
    return decided


def _tested(contrast: Contrast, look: int, best: int, better: str, smallest: float | None) -> Contrast:
    """Return the contrast as tested at this look: with its verdict, deciding look, tested interval and numbers.

    contrast  with its adjusted p and its tested level; the level 1 means that the contrast has no share of ALPHA
    look      index of the look
    best      index of the look with the smallest p so far; negative if no p is defined
    smallest  the smallest difference that matters; None if not declared
    """
    tested = contrast.at_looks[: look + 1] if contrast.tested_level < 1.0 else ()
    intervals = [student_interval(at.pairs, contrast.tested_level) for at in tested]
    within = [
        n for n, (at, x) in enumerate(zip(tested, intervals, strict=True))
        if NO_DIFFERENCE not in at.barred(contrast.kind)
        and (x == (0.0, 0.0) or (smallest and x and -smallest < x[0] and x[1] < smallest))
    ]  # fmt: skip
    verdict, deciding = (NO_DIFFERENCE, within[0]) if within else (CANNOT_TELL, len(tested) - 1)
    if not within and contrast.adjusted_p is not None and contrast.adjusted_p <= ALPHA:
        verdict, deciding = direction(tested[best].pairs, better), best
    contrast = contrast._replace(verdict=verdict, look=deciding if tested else None)
    pairs, barred = (counted := counted_at(contrast)).pairs, counted.barred(contrast.kind)
    return contrast._replace(
        tested_interval=intervals[deciding] if tested else None, n=pairs.n, mean_difference=pairs.mean, sd=pairs.sd,
        interval=student_interval(pairs, LEVEL), p=student_p(pairs), barred=barred,
    )  # fmt: skip


def counted_at(contrast: Contrast) -> Look:
    """Return the look that counts: number `contrast.look`, else the last look reached, else a look with all pairs."""
    if not contrast.at_looks:
        return Look(len(contrast.differences), moments(contrast.differences.values()))
    return contrast.at_looks[-1 if contrast.look is None else contrast.look]


def direction(pairs: Moments, better: str) -> str:
    """Return BETTER or WORSE by the sign of the mean; better is "lower" or "higher". A mean of 0 counts as higher."""
    return BETTER if ((pairs.mean or 0.0) < 0.0) == (better == "lower") else WORSE
