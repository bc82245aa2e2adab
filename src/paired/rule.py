"""The decision rule: looks, the shared level, and the interval at the tested level. data_types.py defines these terms.

All looks share the level: with k declared looks the smallest p so far is multiplied by k. So over all comparisons and
looks together, at most one answer in twenty says *better* or *worse* without a true difference. The looks are tested in
their order, and a verdict is final.
"""

import math
from collections.abc import Collection, Iterable, Sequence

from paired.data_types import ALPHA, BETTER, CANNOT_TELL, LEVEL, NO_DIFFERENCE, WORSE, Contrast, Moments, Seed
from paired.family import Family
from paired.statistics import moments, student_interval, student_p


def looked(contrast: Contrast, firsts: Iterable[Iterable[Seed]], barred: Collection[str]) -> Contrast:
    """Return the contrast with the moments of its differences at each look, and with its excluded verdicts.

    firsts  the seeds of each look that is reached
    barred  the verdicts that are excluded because trials have no value
    """
    own = contrast.differences
    at_looks = tuple(moments(own[seed] for seed in first if seed in own) for first in firsts)
    return contrast._replace(at_looks=at_looks, barred=tuple(sorted(barred)))


def decide(
    contrasts: Sequence[Contrast], looks: int, better: str, smallest: float | None, family: Family | None = None
) -> list[Contrast]:
    """Return each contrast, of settings or effects, with its verdict and the numbers of the look that decided.

    Without a verdict its numbers are those of all pairs.

    contrasts  with their moments at each look: see `looked`
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
            pairs = contrasts[j].at_looks[look] if look < len(contrasts[j].at_looks) else Moments(0)
            p = student_p(pairs)
            if p is not None and direction(pairs, better) not in contrasts[j].barred:
                best[j] = min(best[j], (p, look))
        steps = family.steps([min(1.0, looks * p) for p, _ in best], ALPHA)
        for j in undecided:
            adjusted, divisor = steps[j]
            level, at = 1.0 - ALPHA / (looks * divisor), best[j][1]
            contrast = contrasts[j]._replace(tested_level=level, adjusted_p=None if at < 0 else adjusted)
            decided[j] = _tested(contrast, look, at, better, smallest)
    return decided


def _tested(contrast: Contrast, look: int, best: int, better: str, smallest: float | None) -> Contrast:
    """Return the contrast with verdict, deciding look, tested interval and numbers, when this look is tested.

    contrast  with its tested level, which is 1 if it has no share of ALPHA, and its adjusted p
    look      index of the look
    best      index of the look with the smallest p so far; negative if no p is defined
    smallest  the smallest difference that matters; None if not declared
    """
    tested = contrast.at_looks[: look + 1] if contrast.tested_level < 1.0 else ()
    intervals = [student_interval(pairs, contrast.tested_level) for pairs in tested]
    within = [
        at for at, x in enumerate(intervals)
        if x == (0.0, 0.0) or (smallest and x and -smallest < x[0] and x[1] < smallest)
    ]  # fmt: skip
    verdict, deciding, numbers = CANNOT_TELL, len(tested) - 1, moments(contrast.differences.values())
    if within and NO_DIFFERENCE not in contrast.barred:
        verdict, deciding, numbers = NO_DIFFERENCE, within[0], tested[within[0]]
    elif contrast.adjusted_p is not None and contrast.adjusted_p <= ALPHA:
        verdict, deciding, numbers = direction(tested[best], better), best, tested[best]
    return contrast._replace(
        verdict=verdict, look=deciding if tested else None, tested_interval=intervals[deciding] if tested else None,
        n=numbers.n, mean_difference=numbers.mean, sd=numbers.sd, interval=student_interval(numbers, LEVEL),
        p=student_p(numbers),
    )  # fmt: skip


def direction(pairs: Moments, better: str) -> str:
    """Return BETTER or WORSE by the sign of the mean; better is "lower" or "higher". A mean of 0 counts as higher."""
    return BETTER if ((pairs.mean or 0.0) < 0.0) == (better == "lower") else WORSE
