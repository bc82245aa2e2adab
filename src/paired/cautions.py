"""What a reader has to know of one comparison: a sentence each."""

from collections.abc import Iterator

from paired.pairs import Pairs, value
from paired.rule import Decision
from paired.statistics import moments, student_p
from paired.types import Seed


def cautions(looks: tuple[int, ...], pairs: Pairs, decision: Decision) -> Iterator[str]:
    """Give those of the comparison that was decided so."""
    shared = len(pairs.shared)
    if len(pairs.differences) < 2:
        yield f"{_count(len(pairs.differences), 'pair')} of the same seed: a comparison needs two"
    alone = len(pairs.trials) - shared
    if not looks:  # with looks the baseline goes on where a setting stops
        alone += len(pairs.baseline) - shared
    if alone:
        yield f"{_count(alone, 'seed')} not on both sides, left out"
    ours, theirs = pairs.diverged
    if ours or theirs:
        barred = f": neither {' nor '.join(sorted(pairs.barred))} can be said" if pairs.barred else ""
        yield f"{ours} of {shared} diverged, and {theirs} of {shared} in the baseline; their pairs are missing{barred}"
    both = [trial for side in (pairs.trials, pairs.baseline) for trial in side.values()]
    if any(trial.exploded and value(trial) is not None for trial in both):
        yield "trials that exploded rule mean and spread: compare how many did"
    yield from _about_pairs(pairs.differences, 1.0 - decision.level)
    if looks and decision.look is None:
        yield f"the first look is at {looks[0]} seeds"
    elif looks and decision.look is not None and shared > looks[decision.look]:
        at = looks[decision.look]
        yield f"tested on the first {_count(at, 'seed')}; the {shared - at} after them are shown alone"


def _about_pairs(differences: dict[Seed, float], alpha: float) -> Iterator[str]:
    """Give what makes a mean difference less than it seems.

    A pair with half of the sum is nothing rare where there is no difference. It is worth a word where the others would
    tell something else at alpha, or have half of the spread.
    """
    whole = moments(list(differences.values()))
    if whole.mean is None or whole.sd is None:
        return
    if whole.sd == 0.0:
        yield "all differences are equal: does the seed matter, or are the values rounded?"
        return
    sign = 1.0 if whole.mean > 0.0 else -1.0
    seed = max(differences, key=lambda each: sign * differences[each])
    rest = moments([difference for each, difference in differences.items() if each != seed])
    if rest.sd is None or not whole.mean or 2 * abs(differences[seed]) < whole.n * abs(whole.mean):
        return
    tells, others_tell = ((p := student_p(x)) is not None and p <= alpha for x in (whole, rest))
    if tells != others_tell or rest.sd <= whole.sd / 2:
        yield f"seed {seed} alone makes half of the difference or more"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" + "s" * (n != 1)
