"""Measure error rates and power of answers with several factors, in simulated studies with known effects.

`python benchmarks/factors.py` writes benchmarks/factors.md; `python benchmarks/factors.py 200` simulates fewer studies.
The code that `charloom compare` runs decides each study. Effects are in standard deviations of the paired difference
of two settings.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seedpairs import Measured, Measurement
from seedpairs.analysis import verdicts
from seedpairs.data_types import AVERAGE, CANNOT_TELL, Contrast
from seedpairs.factors import tested_effects

DESIGNS = ((2, 2), (3, 2, 2), (4, 3))
PLANS = ((3,), (5,), (10,), (3, 5, 10))
SPREADS = ("equal", "unequal")
EFFECTS = (1.0, 1.5, 2.0)
UNEQUAL = (0.14, 1.98)  # range of the settings' standard deviations, which are log-uniform in each study

Verdicts = tuple[list[Contrast], list[Contrast]]  # of the settings, and of the effects
Truth = Callable[..., float]  # the true mean of a setting, from the indices of its levels


class Study(NamedTuple):
    """The verdicts of one simulated study.

    factors   with the settings' levels: effects of factors, and settings
    cells     without levels: settings alone
    """

    factors: Verdicts
    cells: Verdicts


def study(rng: np.random.Generator, shape: tuple[int, ...], looks: tuple[int, ...], spread: str, truth: Truth) -> Study:
    """Simulate a study and return its verdicts. Each setting has the seeds of the last look."""
    cells = list(product(*map(range, shape)))
    names = [name_of(cell) for cell in cells]
    low, high = np.log(UNEQUAL)
    sds = np.full(len(cells), 0.5**0.5) if spread == "equal" else np.exp(rng.uniform(low, high, len(cells)))
    if spread != "equal":
        sds /= np.sqrt(2 * np.mean(sds**2))  # the mean variance of paired differences is 1
    values = (
        rng.normal(size=(len(cells), looks[-1])) * sds[:, None] + np.array([truth(*cell) for cell in cells])[:, None]
    )
    values += rng.normal(size=looks[-1])  # a seed's effect on all settings
    measured = Measured(
        "loss", "lower", names[0],
        {name: dict(enumerate(map(Measurement, map(float, row)))) for name, row in zip(names, values, strict=True)},
        looks=looks if len(looks) > 1 else (),
    )  # fmt: skip
    levels = levels_of(names)
    return Study(verdicts(replace(measured, levels=levels)), verdicts(measured))


def claims(answer: Verdicts) -> list[str]:
    """Return all verdicts on effects and settings except `cannot tell`."""
    settings, effects = answer
    return [contrast.verdict for contrast in (*effects, *settings) if contrast.verdict != CANNOT_TELL]


def false_claims(
    rng: np.random.Generator, count: int, shape: tuple[int, ...], looks: tuple[int, ...], spread: str
) -> float:
    """Return the share of studies that claim an effect, if no effect exists."""
    return float(
        np.mean([bool(claims(study(rng, shape, looks, spread, lambda *_: 0.0).factors)) for _ in range(count)])
    )


def false_beside_true(
    rng: np.random.Generator, count: int, shape: tuple[int, ...], looks: tuple[int, ...], spread: str, effect: float
) -> float:
    """Return the share of studies that make a false claim, if only the last setting differs from the others.

    Some averages, interactions and effects at single levels are then nonzero, and others are zero.
    """

    def last(*cell: int) -> float:
        return effect * all(place == size - 1 for place, size in zip(cell, shape, strict=True))

    exact = {_key(contrast): contrast.differences[0] for contrast in _all_contrasts(shape, last)}
    errors = []
    for _ in range(count):
        settings, effects = study(rng, shape, looks, spread, last).factors
        false_effects = [x for x in effects if x.verdict != CANNOT_TELL and abs(exact[_key(x)]) < 1e-9]
        false_settings = [x for x in settings[:-1] if x.verdict != CANNOT_TELL]
        errors.append(bool(false_effects or false_settings))
    return float(np.mean(errors))


def _key(effect: Contrast) -> tuple[object, ...]:
    return effect.kind, effect.factor, effect.level, effect.reference, effect.other, effect.at


def _all_contrasts(shape: tuple[int, ...], truth: Truth) -> list[Contrast]:
    """Return the effects of a study without noise: one seed, with the true means as values."""
    cells = list(product(*map(range, shape)))
    names = [name_of(cell) for cell in cells]
    trials = {name: {0: Measurement(truth(*cell))} for name, cell in zip(names, cells, strict=True)}
    return tested_effects(Measured("loss", "lower", names[0], trials, levels=levels_of(names)))[0]


def levels_of(names: list[str]) -> dict[str, dict[str, str]]:
    """Return each setting's level of each factor: {setting: {factor: level}}."""
    return {name: dict(pair.split("=") for pair in name.split()) for name in names}


def name_of(cell: tuple[int, ...]) -> str:
    """Return the name of the setting with these indices of levels, such as `a=0 b=1`."""
    return " ".join(f"{letter}={level}" for letter, level in zip("abc", cell, strict=False))


class Power(NamedTuple):
    """Shares of studies that detect the effect of the first factor.

    average     the average over the other factors has a verdict
    cells       the setting that differs from the baseline in this factor alone has a verdict, without factors
    """

    average: float
    cells: float


def power(
    rng: np.random.Generator, count: int, shape: tuple[int, ...], looks: tuple[int, ...], spread: str, effect: float
) -> Power:
    """Return the power if the first factor's second level adds `effect`, and no other level has an effect."""
    detected = []
    setting = " ".join(["a=1", *(f"{letter}=0" for letter, _ in zip("bc", shape[1:], strict=False))])
    for _ in range(count):
        both = study(rng, shape, looks, spread, lambda a, *_: effect * (a == 1))
        key = (AVERAGE, "a", "1", "0")
        (average,) = (x for x in both.factors[1] if (x.kind, x.factor, x.level, x.reference) == key)
        (cell,) = (x for x in both.cells[0] if x.setting == setting)
        detected.append([x.verdict != CANNOT_TELL for x in (average, cell)])
    return Power(*(float(x) for x in np.mean(detected, axis=0)))


class Crossing(NamedTuple):
    """Shares of studies that claim an interaction and an average, if each factor reverses the other's effect."""

    interaction: float
    average: float


def crossing(rng: np.random.Generator, count: int, looks: tuple[int, ...], spread: str, effect: float) -> Crossing:
    """Return the shares if settings with equal level indices of both factors have `effect`, and the others 0."""
    claimed = []
    for _ in range(count):
        answer = study(rng, (2, 2), looks, spread, lambda a, b: effect * (a == b)).factors
        averages = [x for x in answer[1] if x.kind == AVERAGE and x.verdict != CANNOT_TELL]
        claimed.append(["depends" in claims(answer), bool(averages)])
    return Crossing(*(float(x) for x in np.mean(claimed, axis=0)))


def _row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _table(*columns: str) -> Iterator[str]:
    yield from ("", _row(*columns), "|---" * len(columns) + "|")


def page(count: int) -> Iterator[str]:
    """Yield the lines of the page."""
    rng = np.random.default_rng(30)
    error = 1.96 * (0.05 * 0.95 / count) ** 0.5
    yield "# Answers with several factors: error rates and power\n"
    argument = "" if count == 2000 else f" {count}"
    yield (
        f"Written by `python benchmarks/factors.py{argument}`: {count:,} simulated studies per number "
        f"({count // 4:,} in the second table, {count // 2:,} in the last table). The code that `charloom compare` "
        "runs decides each study. 3 × 2 × 2 settings are all combinations of three factors with 3, 2 and 2 values. "
        "Effects are in standard deviations of the paired difference of two settings. *Spread*: the settings have "
        f"equal standard deviations, or unequal ones, from a range of {UNEQUAL[0]} to {UNEQUAL[1]}. *3, 5, 10 seeds* "
        f"are three looks. A share of 0.05 has a sampling error of ±{error:.3f} (95 % interval)."
    )
    yield "\n## No effect: share of studies that claim an effect of a factor, an interaction or a setting"
    yield from _table("settings", "spread", *(f"{', '.join(map(str, looks))} seeds" for looks in PLANS))
    for shape in DESIGNS:
        for spread in SPREADS:
            shares = [f"{false_claims(rng, count, shape, looks, spread):.3f}" for looks in PLANS]
            yield _row(" × ".join(map(str, shape)), spread, *shares)
    yield "\n## One factor has an effect: share of studies that detect it"
    yield (
        "\nA cell has two shares. *Average*: the average over the other factors has a verdict. *Setting*: in a study "
        "that compares only settings, not factors, the setting that differs from the baseline in this factor alone has "
        "a verdict."
    )
    yield from _table("settings", "spread", "seeds", *(f"effect {x:g}: average / setting" for x in EFFECTS))
    for shape in DESIGNS:
        for spread in SPREADS:
            for n in (5, 10):
                powers = [power(rng, count // 4, shape, (n,), spread, x) for x in EFFECTS]
                cells = [f"{shares.average:.2f} / {shares.cells:.2f}" for shares in powers]
                yield _row(" × ".join(map(str, shape)), spread, n, *cells)
    yield "\n## Two factors reverse each other's effect: share of studies that claim an interaction, or an average"
    yield "\nThe true averages are zero, so a claimed average is false."
    yield from _table("spread", "seeds", *(f"effect {x:g}: interaction / average" for x in EFFECTS))
    for spread in SPREADS:
        for looks in PLANS:
            crossings = [crossing(rng, count, looks, spread, x) for x in EFFECTS]
            cells = [f"{shares.interaction:.2f} / {shares.average:.3f}" for shares in crossings]
            yield _row(spread, ", ".join(map(str, looks)), *cells)
    yield "\n## Only the last setting differs, by 3: share of studies that also make a false claim"
    yield from _table("settings", "spread", *(f"{', '.join(map(str, looks))} seeds" for looks in PLANS))
    for shape in ((2, 2), (3, 3), (2, 2, 2)):
        for spread in SPREADS:
            shares = [f"{false_beside_true(rng, count // 2, shape, looks, spread, 3.0):.3f}" for looks in PLANS]
            yield _row(" × ".join(map(str, shape)), spread, *shares)


if __name__ == "__main__":
    lines = page(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
    Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
