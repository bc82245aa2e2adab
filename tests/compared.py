"""Comparisons of numbers that a test writes down."""

from paired import Measured, Measurement, answered


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
