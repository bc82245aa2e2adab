"""The warnings about the comparison of one setting with the baseline; a warning is a sentence."""

from collections.abc import Iterator

from seedpairs.data_types import VERDICTS, Contrast, Measured, Seed
from seedpairs.numbers import shown
from seedpairs.pairs import common
from seedpairs.rule import counted_at
from seedpairs.statistics import moments, student_p
from seedpairs.words import number_of


def warnings_about(measured: Measured, contrast: Contrast) -> Iterator[str]:
    """Yield the warnings about the setting's pairs: missing and exploded trials, outliers, seeds that are not tested.

    contrast  the setting's contrast with the baseline, as rule.decide returns it
    """
    looks, sides = measured.looks, [measured.settings[name] for name in (contrast.setting, measured.baseline)]
    shared = common(sides)
    # with looks the baseline has more seeds than a setting that is decided already
    if alone := sum(len(side) - len(shared) for side in (sides[:1] if looks else sides)):
        yield f"{number_of(alone, 'seed')} on one side only, left out"
    yield from without_values(contrast)
    if any(trial.exploded and trial.value is not None for side in sides for trial in side.values()):
        yield "trials that exploded dominate mean and spread: compare the numbers of explosions"
    yield from _about_pairs(contrast.counting, 1.0 - contrast.tested_level)
    if looks and contrast.look is None:
        yield f"nothing is tested yet: the first look is at {looks[0]} seeds"
    elif looks and (later := len(shared) - (at := looks[contrast.look or 0])) > 0:
        first, mean = number_of(at, "seed"), shown(moments(contrast.differences.values()).mean, 9)
        yield f"tested at {first}; the {later} later ones decide nothing; the mean of all pairs is {mean}"


def without_values(contrast: Contrast) -> Iterator[str]:
    """Yield a warning if trials of the contrast have no value, and name the verdicts that are excluded therefore."""
    seeds, pairs, (first, second) = counted_at(contrast)
    missing = f"{number_of(first + second, 'trial')} without a value; such seeds are missing here"
    if contrast.setting:
        sides = f"no value in {number_of(first, 'trial')}, and in {second} of the baseline"
        missing = f"{seeds - pairs.n} of {number_of(seeds, 'pair')} missing: {sides}"
    excluded = " or ".join(sorted(contrast.barred, key=VERDICTS.index))
    if first or second:
        yield missing + f"; the verdict cannot be {excluded}" * bool(excluded)


def _about_pairs(differences: dict[Seed, float], alpha: float) -> Iterator[str]:
    """Yield warnings if one pair contributes half of the mean difference or more, or if all differences are equal.

    Without a true difference it is common that one pair contributes half of the sum. So a pair is named only if a test
    of the other pairs at the level alpha has another result, or if their sd is at most half of the sd of all pairs.
    """
    whole = moments(differences.values())
    if whole.sd == 0.0:
        yield "all differences are equal: does the seed matter, or are the values rounded?"
    if not (mean := whole.mean) or not whole.sd:
        return
    seed = max(differences, key=lambda name: differences[name] if mean > 0 else -differences[name])
    rest = moments(difference for name, difference in differences.items() if name != seed)
    if rest.sd is None or 2 * abs(differences[seed]) < whole.n * abs(mean):
        return
    tells, others_tell = ((p := student_p(x)) is not None and p <= alpha for x in (whole, rest))
    if tells != others_tell or rest.sd <= whole.sd / 2:
        yield f"seed {seed} alone contributes half of the difference or more"
