"""The decision rule: looks, the shared level, and the interval at the tested level. data_types.py defines these terms.

All looks share the level: with k declared looks the smallest p so far is multiplied by k. So over all comparisons and
looks together, at most one answer in twenty says *better* or *worse* without a true difference. The looks are tested in
their order, and a verdict is final.
"""

from collections.abc import Collection, Iterable, Sequence

from paired.data_types import (
    ALPHA,
    BETTER,
    CANNOT_TELL,
    LEVEL,
    NO_DIFFERENCE,
    WORSE,
    Contrast,
    Interval,
    Moments,
    Seed,
)
from paired.family import Family, equal
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
    contrasts: Sequence[Contrast],
    looks: int,
    better: str,
    smallest_difference: float | None,
    family: Family | None = None,
) -> list[Contrast]:
    """Return each contrast, of settings or effects, with its verdict and the numbers of the look that decided.

    Without a verdict its numbers are those of all pairs.

    contrasts            with their moments at each look: see `looked`
    looks                the number of declared looks, or 1
    better               "lower" or "higher"
    smallest_difference  the smallest difference that matters; None if not declared
    family               how the contrasts share the level; None: equally
    """
    family, decided = family or equal(len(contrasts)), list(contrasts)
    p_values = [
        [None if direction(pairs, better) in contrast.barred else student_p(pairs) for pairs in contrast.at_looks]
        for contrast in contrasts
    ]
    best: list[tuple[float, int | None]] = [(1.0, None)] * len(contrasts)  # the smallest p so far, and its look
    for look in range(looks):
        undecided = [j for j, contrast in enumerate(decided) if contrast.verdict == CANNOT_TELL]
        for j in undecided:
            candidates = [(p, i) for i, p in enumerate(p_values[j][: look + 1]) if p is not None]
            best[j] = min(candidates, default=best[j])
        steps = family.steps([min(1.0, looks * p) for p, _ in best], ALPHA)
        for j in undecided:
            (adjusted, left), at = steps[j], best[j][1]
            level = 1.0 - ALPHA / (looks * left)
            verdict, deciding, interval = _result(contrasts[j], look, at, adjusted, level, better, smallest_difference)
            decided[j] = contrasts[j]._replace(
                verdict=verdict, look=deciding, tested_level=level, tested_interval=interval,
                adjusted_p=None if at is None else adjusted,
            )  # fmt: skip
    return [_with_numbers(contrast) for contrast in decided]


def _result(
    contrast: Contrast, look: int, best: int | None, adjusted: float, level: float, better: str, smallest: float | None
) -> tuple[str, int | None, Interval | None]:
    """Return verdict, index of the look, and interval of a contrast, when the look with index `look` is tested.

    best      index of the look with the smallest p so far; None if no p is defined
    adjusted  that p after correction
    level     the tested level; 1 if the contrast has no share of ALPHA
    smallest  the smallest difference that matters; None if not declared
    """
    tested = contrast.at_looks[: look + 1] if level < 1.0 else ()  # level 1: the contrast has no share of ALPHA yet
    intervals = [student_interval(pairs, level) for pairs in tested]
    if NO_DIFFERENCE not in contrast.barred:
        for i, interval in enumerate(intervals):
            if interval == (0.0, 0.0) or (smallest and interval and -smallest < interval[0] and interval[1] < smallest):
                return NO_DIFFERENCE, i, interval
    if best is not None and adjusted <= ALPHA:
        return direction(contrast.at_looks[best], better), best, intervals[best]
    return (CANNOT_TELL, len(intervals) - 1, intervals[-1]) if intervals else (CANNOT_TELL, None, None)


def direction(pairs: Moments, better: str) -> str:
    """Return BETTER or WORSE by the sign of the mean; better is "lower" or "higher". A mean of 0 counts as higher."""
    return BETTER if ((pairs.mean or 0.0) < 0.0) == (better == "lower") else WORSE


def _with_numbers(contrast: Contrast) -> Contrast:
    if contrast.verdict == CANNOT_TELL or contrast.look is None:
        counts = moments(contrast.differences.values())
    else:
        counts = contrast.at_looks[contrast.look]
    return contrast._replace(
        n=counts.n, mean_difference=counts.mean, sd=counts.sd, interval=student_interval(counts, LEVEL),
        p=student_p(counts),
    )  # fmt: skip
