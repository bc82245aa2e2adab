"""What the verdicts of `charloom compare` are worth: simulated comparisons whose truth is known.

`python benchmarks/calibration.py` writes benchmarks/calibration.md; `python benchmarks/calibration.py 2000` simulates
fewer. Effects are in sds of the paired difference.
"""

import math
import sys
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from paired import Measured, Measurement, answered
from paired.data_types import ALONE, ALPHA, BETTER, CANNOT_TELL, Contrast
from paired.gate import NOT_WORSE, PASSED, gate
from paired.rule import decide
from paired.seeds_needed import POWER, more_seeds, silence
from paired.seeds_needed import smallest as fewest
from paired.statistics import moments

SPREADS = {"equal, correlated": (1.0, 1.0, 0.5), "1.98 and 0.14": (1.98, 0.14, 0.0)}  # sd, sd, correlation of the pairs
PLANS = ((3,), (5,), (10,), (3, 5, 10))
EFFECTS = (0.0, 1.0, 1.5, 2.0)
GATED = (-1.5, -0.5, 0.0, 0.5, 1.0, 1.5)
NEEDS = ((0.0, None), (0.2, None), (0.66, None), (1.0, None), (1.5, None), (2.0, None),
         (0.15, 0.3), (0.0, 0.5), (0.75, 0.5), (0.0, 1.0), (0.5, 1.0), (0.0, 1.4), (0.0, 1.7), (1.0, 2.0))  # fmt: skip


def pairs(rng: np.random.Generator, count: int, n: int, effect: float, spread: str = "equal, correlated") -> np.ndarray:
    """Return the differences (count, n) of pairs of normal values, in units of their sd."""
    a, b, r = SPREADS[spread]
    sd = math.sqrt(a * a + b * b - 2 * r * a * b)
    first, second = rng.normal(size=(2, count, n))
    return effect + (a * (r * first + math.sqrt(1 - r * r) * second) - b * first) / sd


def decisions(differences: np.ndarray, looks: tuple[int, ...], smallest: float | None = None) -> Iterator[Contrast]:
    """Give what is decided on each row of differences."""
    for row in differences:
        looked = Contrast(ALONE, at_looks=tuple(moments(row[:n]) for n in looks))
        yield decide([looked], len(looks), "lower", smallest)[0]


def need(theta: float, rho: float, alpha: float, most: int = 10**6) -> int | None:
    """Return the true need, for a true size θ; None where `most` do not tell."""
    return fewest(lambda n: float(silence(n, np.array([theta]), rho, alpha)[0]) <= 1.0 - POWER, most)


class Found(NamedTuple):
    """How many of the comparisons were told, and after how many seeds on average."""

    told: float
    seeds: float


def found(decided: Iterable[Contrast], looks: tuple[int, ...]) -> Found:
    """Return both."""
    used = [(each.verdict != CANNOT_TELL, looks[each.look or 0]) for each in decided]
    return Found(*(float(x) for x in np.mean(used, axis=0)))


def sign_flip_p(x: np.ndarray) -> float:
    """Return the exact two-sided p of the mean, over all 2ⁿ signs that the differences could have had."""
    sums = np.abs(np.array(list(product((-1.0, 1.0), repeat=len(x)))) @ x)
    return float(np.mean(sums >= abs(x.sum()) - 1e-12 * len(x)))


def any_told(rng: np.random.Generator, count: int, settings: int, looks: tuple[int, ...]) -> float:
    """Return how often one at least of several settings is told from a baseline of the same distribution."""
    told = 0
    for values in rng.normal(size=(count, settings + 1, looks[-1])):
        looked = [
            Contrast(ALONE, at_looks=tuple(moments(row[:n] - values[-1, :n]) for n in looks)) for row in values[:-1]
        ]
        told += any(each.verdict != CANNOT_TELL for each in decide(looked, len(looks), "lower", None))
    return told / count


class Covered(NamedTuple):
    """What a range of more seeds is worth, where one is given.

    share   of comparisons in which it is
    covered of the ranges that hold the true need
    need    the true one: how many more, and at least one; None where a million do not tell
    ranges  at least (count,) and at most (count,); infinite where there is no bound
    """

    share: float
    covered: float
    need: int | None
    ranges: np.ndarray


def covered(
    rng: np.random.Generator, count: int, looks: tuple[int, ...], effect: float, smallest: float | None
) -> Covered | None:
    """Return it from at most `count` ranges of at most 20 times as many comparisons; None where there are under 50."""
    total = need(effect, smallest or 0.0, ALPHA / len(looks))
    true = math.inf if total is None else max(1, total - looks[-1])
    ranges, asked = [], 0
    rows = pairs(rng, 20 * count, looks[-1], effect)
    for row, decision in zip(rows, decisions(rows, looks, smallest), strict=True):
        asked += 1
        if decision.verdict == CANNOT_TELL:
            low, high = more_seeds(moments(row), 1.0 - decision.tested_level, smallest)
            ranges.append((low, math.inf if high is None else high))
            if len(ranges) == count:
                break
    if len(ranges) < 50:
        return None
    low, high = np.array(ranges).T
    share = float(np.mean((low <= true) & (true <= high)))
    return Covered(len(ranges) / asked, share, None if total is None else int(true), np.array([low, high]))


class Shares(NamedTuple):
    """Of all gates those that passed, and those that stopped; the rest cannot tell after the last look."""

    passed: float
    stopped: float


def gated(
    rng: np.random.Generator, count: int, looks: tuple[int, ...], effect: float, requirement: str, smallest: float
) -> Shares:
    """Return what a gate says that is asked at each look until it says something; lower is better."""
    results = []
    for row in pairs(rng, count, looks[-1], effect):
        for n in looks:
            settings = {"base": [0.0] * n, "new": row[:n]}
            trials = {name: dict(enumerate(map(Measurement, values))) for name, values in settings.items()}
            measured = Measured("loss", "lower", "base", trials, looks=looks, smallest_difference=smallest)
            result = gate(answered(measured), requirement).result
            if result != CANNOT_TELL:
                break
        results.append((result == PASSED, result not in {PASSED, CANNOT_TELL}))
    return Shares(*(float(share) for share in np.mean(results, axis=0)))


def _row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _table(*columns: str) -> Iterator[str]:
    yield from ("", _row(*columns), "|---" * len(columns) + "|")


def _plan(looks: tuple[int, ...]) -> str:
    return ", ".join(map(str, looks))


def page(count: int) -> Iterator[str]:
    """Give the lines of the page."""
    rng = np.random.default_rng(16)
    error = 1.96 * math.sqrt(ALPHA * (1 - ALPHA) / count)
    yield "# What a verdict is worth\n"
    yield (
        f"Written by `python benchmarks/calibration.py{'' if count == 20_000 else f' {count}'}`: {count:,} simulated "
        f"comparisons a number, decided by the code that `charloom compare` runs. Sampling error of a share, at 95 %: "
        f"±{error:.4f} at 0.05, at most ±{0.98 / math.sqrt(count):.4f}. An effect is in sds of the paired difference."
    )
    yield "\n## Told: false alarms at no effect, power at the others"
    yield from _table("seeds looked at", "spread", *(f"effect {x:g}" for x in EFFECTS), "seeds used, on average")
    for looks in PLANS:
        for spread in SPREADS:
            cells = [found(decisions(pairs(rng, count, looks[-1], x, spread), looks), looks) for x in EFFECTS]
            used = " / ".join(f"{each.seeds:.1f}" for each in cells) if len(looks) > 1 else looks[0]
            yield _row(_plan(looks), spread, *(f"{each.told:.3f}" for each in cells), used)
    yield "\nThe exact sign flip, for what it would find alone (it cannot reach 0.05 below 6 seeds):"
    yield from _table("seeds", *(f"effect {x:g}" for x in EFFECTS))
    for n in (6, 10):
        shares = [np.mean([sign_flip_p(row) <= ALPHA for row in pairs(rng, count, n, x)]) for x in EFFECTS]
        yield _row(n, *(f"{share:.3f}" for share in shares))
    yield f"\n## Several settings beside one baseline, none of them different ({count // 4:,} studies a number)"
    yield from _table("settings", "seeds looked at", "studies in which one at least was told")
    for settings in (2, 5, 23):
        for looks in ((5,), (3, 5, 10)):
            yield _row(settings, _plan(looks), f"{any_told(rng, count // 4, settings, looks):.3f}")
    wanted = count // 20
    yield "\n## How many more seeds"
    yield (
        f"\nOf at most {wanted:,} ranges a row, given where a comparison could not tell: the share in which the true "
        "need lies. That is the smallest number of further seeds, one at least, with which a test at the tested level "
        f"tells with power 0.8. Promised: 0.8; sampling error at 95 %: ±{1.96 * math.sqrt(0.16 / wanted):.3f}. A row "
        "is left out where nearly all comparisons tell."
    )
    yield from _table("seeds looked at", "effect", "smallest difference", "cannot tell", "true need", "covered",
                      "at least (median)", "at most (median)", "no upper bound")  # fmt: skip
    for looks in PLANS:
        for effect, smallest in NEEDS:
            each = covered(rng, wanted, looks, effect, smallest)
            if each is not None:
                low, high = np.quantile(each.ranges, 0.5, axis=1, method="lower")
                yield _row(
                    _plan(looks), f"{effect:g}", "–" if smallest is None else f"{smallest:g}", f"{each.share:.2f}",
                    "–" if each.need is None else f"{each.need:,}", f"{each.covered:.3f}",
                    f"{low:.0f}", "none" if math.isinf(high) else f"{high:.0f}",
                    f"{np.isinf(each.ranges[1]).mean():.2f}",
                )  # fmt: skip
    yield from gates(count // 10)


def gates(count: int) -> Iterator[str]:
    """Give the lines about the gate, from random numbers of their own."""
    rng = np.random.default_rng(52)
    yield f"\n## A gate: `charloom compare --require` ({count:,} gates a number)"
    yield (
        "\nExit 0 / exit 1, at the first look that tells; the rest is exit 6. Lower is better, and less than 1 sd does "
        "not matter. Wrong are those that pass `better` at 0 or above, and `not-worse` at 1: promised is 0.025 at most."
    )
    yield from _table("required", "seeds looked at", *(f"true difference {x:g}" for x in GATED))
    for requirement in (BETTER, NOT_WORSE):
        for looks in PLANS:
            cells = [gated(rng, count, looks, x, requirement, 1.0) for x in GATED]
            yield _row(f"`{requirement}`", _plan(looks), *(f"{x.passed:.3f} / {x.stopped:.3f}" for x in cells))


if __name__ == "__main__":
    lines = page(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
    Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
