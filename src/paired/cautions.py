"""The warnings about the comparison of one setting with the baseline; a warning is a sentence."""

import math
from collections.abc import Iterator

from paired.data_types import CANNOT_TELL, Contrast, Seed
from paired.numbers import number_of
from paired.pairs import Pairs, exclusion
from paired.statistics import moments, student_p


def cautions(looks: tuple[int, ...], pairs: Pairs, contrast: Contrast) -> Iterator[str]:
    """Yield the warnings about these pairs: missing and exploded trials, outliers, and seeds that are not tested.

    looks     the declared numbers of seeds at which the data are tested; empty if none are declared
    contrast  the setting's contrast with the baseline, decided
    """
    sides, shared = (pairs.ours, pairs.baseline), len(pairs.shared)
    # with looks the baseline has more seeds than a setting that is decided already
    if alone := sum(len(own.trials) - shared for own in (sides[:1] if looks else sides)):
        yield f"{number_of(alone, 'seed')} on one side only, left out"
    ours, theirs = pairs.without_value
    if ours or theirs:
        counts = f"{ours} of {shared} trials have no value, and {theirs} of {shared} in the baseline"
        yield f"{counts}; their pairs are missing{exclusion(contrast.barred)}"
    if any(own.trials[seed].exploded for own in sides for seed in own.values):
        yield "trials that exploded dominate mean and spread: compare the numbers of explosions"
    yield from _about_pairs(contrast.counting, 1.0 - contrast.tested_level)
    at = None if not looks or contrast.look is None else looks[contrast.look]
    if looks and at is None:
        yield f"nothing is tested yet: the first look is at {looks[0]} seeds"
    elif at is not None and contrast.verdict == CANNOT_TELL and shared > at:
        yield f"tested on the first {number_of(at, 'seed')}; the {shared - at} after them decide nothing here"


def _about_pairs(differences: dict[Seed, float], alpha: float) -> Iterator[str]:
    """Yield warnings if one pair contributes half of the mean difference or more, or if all differences are equal.

    Without a true difference it is common that one pair contributes half of the sum. So a pair is named only if a test
    of the other pairs at the level alpha has another result, or if their sd is at most half of the sd of all pairs.
    """
    whole = moments(differences.values())
    if whole.sd == 0.0:
        yield "all differences are equal: does the seed matter, or are the values rounded?"
    if not whole.mean or not whole.sd:
        return
    sign = math.copysign(1.0, whole.mean)
    seed = max(differences, key=lambda name: sign * differences[name])
    rest = moments(difference for name, difference in differences.items() if name != seed)
    if rest.sd is None or 2 * abs(differences[seed]) < whole.n * abs(whole.mean):
        return
    tells, others_tell = ((p := student_p(x)) is not None and p <= alpha for x in (whole, rest))
    if tells != others_tell or rest.sd <= whole.sd / 2:
        yield f"seed {seed} alone contributes half of the difference or more"
