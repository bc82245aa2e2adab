"""What is said of effects: which interactions are there, which averages they turn, and the numbers that decided."""

from collections.abc import Sequence
from typing import Any

from paired.cautions import count
from paired.data_types import (
    AT_LEVEL,
    AVERAGE,
    BETTER,
    CANNOT_TELL,
    DEPENDS,
    INTERACTION,
    LEVEL,
    NO_DIFFERENCE,
    WORSE,
    Effect,
    Later,
    Seed,
)
from paired.factors import Contrast
from paired.rule import Decision
from paired.statistics import Moments, moments, student_interval, student_p


def deciding(differences: dict[Seed, float], looks: Sequence[Moments], decision: Decision) -> dict[str, Any]:
    """Return the numbers of the look at which the verdict fell, and of all pairs what came later; by their names."""
    whole = moments(differences.values())
    fell = decision.verdict != CANNOT_TELL and decision.look is not None
    at = looks[decision.look] if fell and decision.look is not None else whole
    later = None
    if at.n < whole.n and whole.mean is not None:
        later = Later(whole.n, whole.mean, student_interval(whole, LEVEL))
    return {
        "differences": differences, "n": at.n, "mean_difference": at.mean, "sd": at.sd,
        "interval": student_interval(at, LEVEL), "tested_level": decision.level, "tested_interval": decision.interval,
        "p": student_p(at), "adjusted_p": decision.adjusted_p, "verdict": decision.verdict, "later": later,
    }  # fmt: skip


def found(contrasts: Sequence[Contrast], decisions: Sequence[Decision]) -> list[Effect]:
    """Return the averages, the interactions, and the effects at those levels that interactions which are there name."""
    effects = [_effect(*each) for each in zip(contrasts, decisions, strict=True)]
    there = [each for each in effects if each.verdict == DEPENDS]
    named = {(each.factor, each.level, each.reference, each.other, at) for each in there for at in each.at}
    crossed = {
        (each.other, each.at[1], each.at[0], each.factor, at) for each in there for at in (each.reference, each.level)
    }
    at_levels = [
        each for each in effects
        if each.kind == AT_LEVEL and (each.factor, each.level, each.reference, each.other, *each.at) in named | crossed
    ]  # fmt: skip
    averages = [_turned(each, at_levels) for each in effects if each.kind == AVERAGE]
    return [*averages, *(each for each in effects if each.kind == INTERACTION), *at_levels]


def _effect(contrast: Contrast, decision: Decision) -> Effect:
    own = {name: value for name, value in contrast._asdict().items() if name in Effect._fields}
    effect = Effect(**own | deciding(contrast.differences, contrast.pairs, decision), warnings=_warnings(contrast))
    is_there = contrast.kind == INTERACTION and effect.verdict in {BETTER, WORSE}
    return effect._replace(verdict=DEPENDS) if is_there else effect


def _turned(average: Effect, at_levels: Sequence[Effect]) -> Effect:
    """Return the average; without a verdict where a factor that it interacts with turns its sign."""
    signs: dict[str, set[bool]] = {}
    for each in at_levels:
        same = (each.factor, each.level, each.reference) == (average.factor, average.level, average.reference)
        if same and each.mean_difference:
            signs.setdefault(each.other, set()).add(each.mean_difference > 0)
    turning = tuple(other for other, found in signs.items() if len(found) > 1)
    return average._replace(verdict=CANNOT_TELL, turned_by=turning) if turning else average


def _warnings(contrast: Contrast) -> tuple[str, ...]:
    lost, barred = sum(contrast.lost), [each for each in (BETTER, WORSE, NO_DIFFERENCE) if each in contrast.barred]
    if not lost:
        return ()
    of_them = "its seed is" if lost == 1 else "their seeds are"
    cannot = f": neither {' nor '.join(barred)} can be said" if barred else ""
    return (f"{count(lost, 'trial')} without a value; {of_them} missing here{cannot}",)
