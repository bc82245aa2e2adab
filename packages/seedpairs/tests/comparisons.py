"""Comparisons of numbers that a test writes down."""

from itertools import product

from seedpairs import Measured, Measurement, answered


def trials(values):
    """Return them by seed; None has diverged."""
    by_seed = values if isinstance(values, dict) else dict(enumerate(values))
    return {seed: x if isinstance(x, Measurement) else Measurement(x, x is None) for seed, x in by_seed.items()}


def measured(settings, baseline="base", better="lower", curves=None, **others):
    return Measured("loss", better, baseline, {name: trials(x) for name, x in settings.items()}, curves or {}, **others)


def compared(settings, **others):
    """Return the comparisons by setting."""
    return {each.setting: each for each in answered(measured(settings, **others)).comparisons}


def beside(differences, looks=(), base=None, **others):
    """Return the comparison of a setting that differs so from its baseline."""
    base = base or [10.0 * i for i in range(len(differences))]
    ours = [None if x is None else b + x for b, x in zip(base, differences, strict=False)]
    return compared({"base": base, "ours": ours}, looks=looks, **others)["ours"]


def designed(factors, value, seeds=5, baseline=None, **others):
    """Return the answer of a design: each level of each factor with each other, by `value(seed, *levels)`."""
    cells = list(product(*factors.values()))
    names = {cell: " ".join(f"{name}={level}" for name, level in zip(factors, cell, strict=True)) for cell in cells}
    return answered(
        Measured(
            "loss", others.pop("better", "lower"), names[baseline or cells[0]],
            {names[cell]: trials([value(seed, *cell) for seed in range(seeds)]) for cell in cells},
            levels={names[cell]: dict(zip(factors, map(str, cell), strict=True)) for cell in cells},
            **others,
        )
    )  # fmt: skip


def effect(answer, kind, factor, level, reference, *at):
    """Return the one that is so."""
    asked = kind, factor, str(level), str(reference), tuple(map(str, at))
    (one,) = (x for x in answer.effects if (x.kind, x.factor, x.level, x.reference, x.at) == asked)
    return one
