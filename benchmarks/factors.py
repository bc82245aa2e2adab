"""What an answer of several factors is worth: simulated studies whose truth is known, decided by what `compare` runs.

`python benchmarks/factors.py` writes benchmarks/factors.md; `python benchmarks/factors.py 200` simulates fewer. Effects
are in sds of the paired difference of two settings.
"""

import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from paired import Measured, Measurement
from paired.answering import Verdicts, verdicts
from paired.data_types import AVERAGE, CANNOT_TELL, Contrast
from paired.factors import design, tested
from paired.pairs import side

DESIGNS = ((2, 2), (3, 2, 2), (4, 3))
PLANS = ((3,), (5,), (10,), (3, 5, 10))
SPREADS = ("equal", "unequal")
EFFECTS = (1.0, 1.5, 2.0)
UNEQUAL = (0.14, 1.98)  # sds of the settings, drawn anew in each study between these, on a logarithmic scale

Truth = Callable[..., float]  # of a setting, by the places of its levels


class Study(NamedTuple):
    """Its verdicts, by factors and cell by cell."""

    factors: Verdicts
    cells: Verdicts


def study(rng: np.random.Generator, shape: tuple[int, ...], looks: tuple[int, ...], spread: str, truth: Truth) -> Study:
    """Return a simulated study; of several looks each setting has all seeds."""
    cells = list(product(*map(range, shape)))
    names = [name_of(cell) for cell in cells]
    low, high = np.log(UNEQUAL)
    sds = np.full(len(cells), 0.5**0.5) if spread == "equal" else np.exp(rng.uniform(low, high, len(cells)))
    if spread != "equal":
        sds /= np.sqrt(2 * np.mean(sds**2))  # so that the paired differences have an sd of 1 on average
    values = (
        rng.normal(size=(len(cells), looks[-1])) * sds[:, None] + np.array([truth(*cell) for cell in cells])[:, None]
    )
    values += rng.normal(size=looks[-1])  # what a seed does to all settings alike
    asked = Measured(
        "loss", "lower", names[0],
        {name: dict(enumerate(map(Measurement, map(float, row)))) for name, row in zip(names, values, strict=True)},
        looks=looks if len(looks) > 1 else (),
    )  # fmt: skip
    levels = levels_of(names)
    return Study(verdicts(asked._replace(levels=levels)), verdicts(asked))


def claims(answer: Verdicts) -> list[str]:
    """Return all that it says is so: of factors and of settings."""
    said = [each.verdict for each in answer.effects] + [each.verdict for each in answer.settings.values()]
    return [each for each in said if each != CANNOT_TELL]


def false_claims(
    rng: np.random.Generator, count: int, shape: tuple[int, ...], looks: tuple[int, ...], spread: str
) -> float:
    """Return the share of studies without any effect that claim one."""
    return float(
        np.mean([bool(claims(study(rng, shape, looks, spread, lambda *_: 0.0).factors)) for _ in range(count)])
    )


def false_beside_true(
    rng: np.random.Generator, count: int, shape: tuple[int, ...], looks: tuple[int, ...], spread: str, effect: float
) -> float:
    """Return the share of studies that claim an effect which is none, where the last setting alone differs.

    So there are averages, interactions and effects at levels that are true, beside others that are zero.
    """

    def last(*cell: int) -> float:
        return effect * all(place == size - 1 for place, size in zip(cell, shape, strict=True))

    exact = {_key(each): each.differences[0] for each in _all_contrasts(shape, last)}
    found = []
    for _ in range(count):
        answer = study(rng, shape, looks, spread, last).factors
        told = [_key(each) for each in answer.effects if each.verdict != CANNOT_TELL]
        alone = [name for name, each in answer.settings.items() if each.verdict != CANNOT_TELL]
        found.append(
            any(abs(exact[key]) < 1e-9 for key in told) or any(name != [*answer.settings][-1] for name in alone)
        )
    return float(np.mean(found))


def _key(each: Contrast) -> tuple[object, ...]:
    return each.kind, each.factor, each.level, each.reference, each.other, each.at


def _all_contrasts(shape: tuple[int, ...], truth: Truth) -> list[Contrast]:
    """Return all effects of a study without noise."""
    cells = list(product(*map(range, shape)))
    names = [name_of(cell) for cell in cells]
    levels = levels_of(names)
    sides = {name: side({0: Measurement(truth(*cell))}, None) for name, cell in zip(names, cells, strict=True)}
    of = design(levels, names[0])
    return tested(of, sides, (), {}).effects if of else []


def levels_of(names: list[str]) -> dict[str, dict[str, str]]:
    """Return the levels of the settings' factors, by setting and factor."""
    return {name: dict(pair.split("=") for pair in name.split()) for name in names}


def name_of(cell: tuple[int, ...]) -> str:
    """Return the setting's name, from the indices of its levels."""
    return " ".join(f"{letter}={level}" for letter, level in zip("abc", cell, strict=False))


class Power(NamedTuple):
    """The share of studies that say of the first factor's two levels that they differ.

    average     by the average over the other factors
    cells       cell by cell: of the settings that differ from the baseline in that factor alone
    """

    average: float
    cells: float


def power(
    rng: np.random.Generator, count: int, shape: tuple[int, ...], looks: tuple[int, ...], spread: str, effect: float
) -> Power:
    """Return it where the first factor's second level adds `effect`, and no other does anything."""
    told = []
    alone = " ".join(["a=1", *(f"{letter}=0" for letter, _ in zip("bc", shape[1:], strict=False))])
    for _ in range(count):
        both = study(rng, shape, looks, spread, lambda a, *_: effect * (a == 1))
        asked = (AVERAGE, "a", "1", "0")
        (average,) = (x for x in both.factors.effects if (x.kind, x.factor, x.level, x.reference) == asked)
        told.append([each.verdict != CANNOT_TELL for each in (average, both.cells.settings[alone])])
    return Power(*(float(x) for x in np.mean(told, axis=0)))


class Crossing(NamedTuple):
    """Studies of two factors that turn each other, and have no average: the shares with each claim."""

    interaction: float
    average: float


def crossing(rng: np.random.Generator, count: int, looks: tuple[int, ...], spread: str, effect: float) -> Crossing:
    """Return it where each factor's second level adds `effect` at one level of the other, and takes it at the other."""
    told = []
    for _ in range(count):
        answer = study(rng, (2, 2), looks, spread, lambda a, b: effect * (a == b)).factors
        of_averages = [x for x in answer.effects if x.kind == AVERAGE and x.verdict != CANNOT_TELL]
        told.append(["depends" in claims(answer), bool(of_averages)])
    return Crossing(*(float(x) for x in np.mean(told, axis=0)))


def _row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _table(*columns: str) -> Iterator[str]:
    yield from ("", _row(*columns), "|---" * len(columns) + "|")


def page(count: int) -> Iterator[str]:
    """Give the lines of the page."""
    rng = np.random.default_rng(30)
    error = 1.96 * (0.05 * 0.95 / count) ** 0.5
    yield "# What an answer of several factors is worth\n"
    given = "" if count == 2000 else f" {count}"
    yield (
        f"Written by `python benchmarks/factors.py{given}`: {count:,} simulated studies a number (a quarter of them of "
        "power, half in the last table), decided by the code that `charloom compare` runs. Effects are in sds of the "
        f"paired difference of two settings. Spreads are equal, or between {UNEQUAL[0]} and {UNEQUAL[1]} by setting. "
        f"Sampling error of 0.05, at 95 %: ±{error:.3f}."
    )
    yield "\n## Without any effect: studies that claim one, of a factor, an interaction or a setting"
    yield from _table("settings", "spread", *(f"{', '.join(map(str, looks))} seeds" for looks in PLANS))
    for shape in DESIGNS:
        for spread in SPREADS:
            shares = [f"{false_claims(rng, count, shape, looks, spread):.3f}" for looks in PLANS]
            yield _row(" × ".join(map(str, shape)), spread, *shares)
    yield "\n## One level of one factor differs: told by the average, and cell by cell"
    yield from _table("settings", "spread", "seeds", *(f"effect {x:g}: average / cells" for x in EFFECTS))
    for shape in DESIGNS:
        for spread in SPREADS:
            for n in (5, 10):
                found = [power(rng, count // 4, shape, (n,), spread, x) for x in EFFECTS]
                cells = [f"{each.average:.2f} / {each.cells:.2f}" for each in found]
                yield _row(" × ".join(map(str, shape)), spread, n, *cells)
    yield "\n## Two factors that turn each other, with no average: the interaction is told, and the false average is"
    yield from _table("spread", "seeds", *(f"effect {x:g}: interaction / average" for x in EFFECTS))
    for spread in SPREADS:
        for looks in PLANS:
            turned = [crossing(rng, count, looks, spread, x) for x in EFFECTS]
            cells = [f"{each.interaction:.2f} / {each.average:.3f}" for each in turned]
            yield _row(spread, ", ".join(map(str, looks)), *cells)
    yield "\n## The last setting alone differs, by 3: studies that claim something else, too"
    yield from _table("settings", "spread", *(f"{', '.join(map(str, looks))} seeds" for looks in PLANS))
    for shape in ((2, 2), (3, 3), (2, 2, 2)):
        for spread in SPREADS:
            shares = [f"{false_beside_true(rng, count // 2, shape, looks, spread, 3.0):.3f}" for looks in PLANS]
            yield _row(" × ".join(map(str, shape)), spread, *shares)


if __name__ == "__main__":
    lines = page(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
    Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
