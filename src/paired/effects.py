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


def deciding(
    differences: dict[Seed, float], looks: Sequence[Moments], decision: Decision, *, look_by_look: bool = False
) -> dict[str, Any]:
    """Return the numbers of the look at which the verdict fell, and of all pairs what came later; by their names.

    Without a verdict they are those of all pairs; or, look by look, of the last look that was reached.
    """
    whole, at = moments(differences.values()), decision.look
    counts = whole if at is None or (decision.verdict == CANNOT_TELL and not look_by_look) else looks[at]
    later = None
    if counts.n < whole.n and whole.mean is not None:
        later = Later(whole.n, whole.mean, student_interval(whole, LEVEL))
    return {
        "differences": differences, "n": counts.n, "mean_difference": counts.mean, "sd": counts.sd,
        "interval": student_interval(counts, LEVEL), "tested_level": decision.level,
        "tested_interval": decision.interval, "p": student_p(counts), "adjusted_p": decision.adjusted_p,
        "verdict": decision.verdict, "later": later,
    }  # fmt: skip


def found(contrasts: Sequence[Contrast], decisions: Sequence[Decision]) -> list[Effect]:
    """Return the averages, the interactions, and the effects at the levels of factors that interact.

    An average may lose its verdict at a later look, to those at levels: where an interaction is found that turns it.
    """
    effects = [_effect(*each) for each in zip(contrasts, decisions, strict=True)]
    there = [each for each in effects if each.verdict == DEPENDS]
    named = {(*_of(each), each.other) for each in there}
    named |= {(each.other, each.at[1], each.at[0], each.factor) for each in there}
    at_levels = [each for each in effects if each.kind == AT_LEVEL and (*_of(each), each.other) in named]
    averages = [_turned(each, at_levels) for each in effects if each.kind == AVERAGE]
    turned = {_of(each): each.turned_by for each in averages if each.turned_by}
    # Where a factor turns the sign, an effect at a level of another one is a mean over it, and says as little.
    said = [each for each in at_levels if turned.get(_of(each), (each.other,)) == (each.other,)]
    return [*averages, *(each for each in effects if each.kind == INTERACTION), *said]


def _of(each: Effect) -> tuple[str, str, str]:
    return each.factor, each.level, each.reference


def _effect(contrast: Contrast, decision: Decision) -> Effect:
    own = {name: value for name, value in contrast._asdict().items() if name in Effect._fields}
    decided = deciding(contrast.differences, contrast.pairs, decision, look_by_look=True)
    effect = Effect(**own | decided, warnings=_warnings(contrast))
    is_there = contrast.kind == INTERACTION and effect.verdict in {BETTER, WORSE}
    return effect._replace(verdict=DEPENDS) if is_there else effect


def _turned(average: Effect, at_levels: Sequence[Effect]) -> Effect:
    """Return the average; without a verdict where a factor that it interacts with turns its sign."""
    signs: dict[str, set[bool]] = {}
    for each in at_levels:
        if _of(each) == _of(average) and each.mean_difference and each.tested_level < 1.0:
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
