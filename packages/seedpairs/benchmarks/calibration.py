"""Measure error rates and power of the verdicts of `charloom compare`, in simulated comparisons with known effects.

`python benchmarks/calibration.py` writes benchmarks/calibration.md; `python benchmarks/calibration.py 2000` simulates
fewer comparisons. Effects are in standard deviations of the paired difference.
"""

import math
import sys
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seedpairs import Measured, Measurement, answered
from seedpairs.data_types import ALONE, ALPHA, BETTER, CANNOT_TELL, Contrast, Look
from seedpairs.gate import NOT_WORSE, PASSED, gate
from seedpairs.rule import decide
from seedpairs.seeds_needed import POWER, more_seeds, silence
from seedpairs.seeds_needed import smallest as fewest
from seedpairs.statistics import moments

# Two standard deviations and the correlation of a pair.
SPREADS = {"equal, correlated": (1.0, 1.0, 0.5), "1.98 and 0.14": (1.98, 0.14, 0.0)}
PLANS = ((3,), (5,), (10,), (3, 5, 10))
EFFECTS = (0.0, 1.0, 1.5, 2.0)
GATED = (-1.5, -0.5, 0.0, 0.5, 1.0, 1.5)
NEEDS = ((0.0, None), (0.2, None), (0.66, None), (1.0, None), (1.5, None), (2.0, None),
         (0.15, 0.3), (0.0, 0.5), (0.75, 0.5), (0.0, 1.0), (0.5, 1.0), (0.0, 1.4), (0.0, 1.7), (1.0, 2.0))  # fmt: skip


def pairs(rng: np.random.Generator, count: int, n: int, effect: float, spread: str = "equal, correlated") -> np.ndarray:
    """Return differences (count, n) of pairs of normal values, in units of the difference's standard deviation."""
    a, b, r = SPREADS[spread]
    sd = math.sqrt(a * a + b * b - 2 * r * a * b)
    first, second = rng.normal(size=(2, count, n))
    return effect + (a * (r * first + math.sqrt(1 - r * r) * second) - b * first) / sd


def decisions(differences: np.ndarray, looks: tuple[int, ...], smallest: float | None = None) -> Iterator[Contrast]:
    """Yield the decision on each row of differences."""
    for row in differences:
        contrast = Contrast(ALONE, at_looks=tuple(Look(n, moments(row[:n])) for n in looks))
        yield decide([contrast], len(looks), "lower", smallest)[0]


def need(theta: float, rho: float, alpha: float, most: int = 10**6) -> int | None:
    """Return the number of seeds that gives a power of POWER if the true size is θ, or None if it exceeds `most`."""
    return fewest(lambda n: float(silence(n, np.array([theta]), rho, alpha)[0]) <= 1.0 - POWER, most)


class Claims(NamedTuple):
    """The share of comparisons with a verdict, and the mean number of seeds used."""

    share: float
    seeds: float


def claims(contrasts: Iterable[Contrast], looks: tuple[int, ...]) -> Claims:
    """Return the share of verdicts other than `cannot tell`, and the mean number of seeds at the deciding look."""
    rows = [(contrast.verdict != CANNOT_TELL, looks[contrast.look or 0]) for contrast in contrasts]
    return Claims(*(float(x) for x in np.mean(rows, axis=0)))


def sign_flip_p(x: np.ndarray) -> float:
    """Return the exact two-sided p of the mean, over all 2ⁿ choices of the n differences' signs."""
    sums = np.abs(np.array(list(product((-1.0, 1.0), repeat=len(x)))) @ x)
    return float(np.mean(sums >= abs(x.sum()) - 1e-12 * len(x)))


def any_claim(rng: np.random.Generator, count: int, settings: int, looks: tuple[int, ...]) -> float:
    """Return the share of studies that claim a difference, if all settings have the baseline's distribution."""
    claimed = 0
    for values in rng.normal(size=(count, settings + 1, looks[-1])):
        contrasts = [
            Contrast(ALONE, at_looks=tuple(Look(n, moments(row[:n] - values[-1, :n])) for n in looks))
            for row in values[:-1]
        ]
        claimed += any(decision.verdict != CANNOT_TELL for decision in decide(contrasts, len(looks), "lower", None))
    return claimed / count


class Coverage(NamedTuple):
    """How often the range of further seeds contains the true need.

    share     share of comparisons that cannot tell, which have a range
    coverage  share of the ranges that contain the true need
    need      true need of further seeds, at least 1; None if a million seeds do not suffice
    ranges    lower ends (count,) and upper ends (count,), infinite without an upper end
    """

    share: float
    coverage: float
    need: int | None
    ranges: np.ndarray


def coverage(
    rng: np.random.Generator, count: int, looks: tuple[int, ...], effect: float, smallest: float | None
) -> Coverage | None:
    """Return the coverage of at most `count` ranges, from at most 20 · count comparisons; None with under 50 ranges."""
    total = need(effect, smallest or 0.0, ALPHA / len(looks))
    true = math.inf if total is None else max(1, total - looks[-1])
    ranges, comparisons = [], 0
    rows = pairs(rng, 20 * count, looks[-1], effect)
    for row, decision in zip(rows, decisions(rows, looks, smallest), strict=True):
        comparisons += 1
        if decision.verdict == CANNOT_TELL:
            low, high = more_seeds(moments(row), 1.0 - decision.tested_level, smallest)
            ranges.append((low, math.inf if high is None else high))
            if len(ranges) == count:
                break
    if len(ranges) < 50:
        return None
    low, high = np.array(ranges).T
    share = float(np.mean((low <= true) & (true <= high)))
    return Coverage(len(ranges) / comparisons, share, None if total is None else int(true), np.array([low, high]))


class Shares(NamedTuple):
    """The shares of gates that passed and that failed. The other gates cannot tell after the last look."""

    passed: float
    failed: float


def gate_shares(
    rng: np.random.Generator, count: int, looks: tuple[int, ...], effect: float, requirement: str, smallest: float
) -> Shares:
    """Run gates at each look until a verdict; return the shares of results. Lower values are better."""
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
    """Yield the lines of the page."""
    rng = np.random.default_rng(16)
    error = 1.96 * math.sqrt(ALPHA * (1 - ALPHA) / count)
    yield "# Error rates and power of verdicts\n"
    yield (
        f"Written by `python benchmarks/calibration.py{'' if count == 20_000 else f' {count}'}`: {count:,} simulated "
        "comparisons per number. The code that `charloom compare` runs decides each comparison. The sampling error of "
        f"a share is ±{error:.4f} at 0.05, and at most ±{0.98 / math.sqrt(count):.4f} (95 % interval). Effects are in "
        "standard deviations of the paired difference. *Looks*: the numbers of seeds at which the code decides. "
        "*Spread*: the standard deviations of setting and baseline."
    )
    yield "\n## Share of comparisons that claim a difference: false claims at effect 0, power at the others"
    yield from _table("looks", "spread", *(f"effect {x:g}" for x in EFFECTS), "mean of seeds used, by effect")
    for looks in PLANS:
        for spread in SPREADS:
            cells = [claims(decisions(pairs(rng, count, looks[-1], x, spread), looks), looks) for x in EFFECTS]
            used = " / ".join(f"{cell.seeds:.1f}" for cell in cells) if len(looks) > 1 else looks[0]
            yield _row(_plan(looks), spread, *(f"{cell.share:.3f}" for cell in cells), used)
    yield "\nFor comparison, the exact sign-flip test alone. With fewer than 6 seeds its p cannot reach 0.05."
    yield from _table("seeds", *(f"effect {x:g}" for x in EFFECTS))
    for n in (6, 10):
        shares = [np.mean([sign_flip_p(row) <= ALPHA for row in pairs(rng, count, n, x)]) for x in EFFECTS]
        yield _row(n, *(f"{share:.3f}" for share in shares))
    yield f"\n## Several settings that equal the baseline ({count // 4:,} studies per number)"
    yield from _table("settings", "looks", "share of studies that claim a difference")
    for settings in (2, 5, 23):
        for looks in ((5,), (3, 5, 10)):
            yield _row(settings, _plan(looks), f"{any_claim(rng, count // 4, settings, looks):.3f}")
    wanted = count // 20
    yield "\n## The range of further seeds"
    yield (
        "\nIf a comparison cannot tell, its answer has a range of further seeds, *at least* to *at most*. The *true "
        "need* is the smallest number of further seeds, at least one, with which a test at the corrected level "
        "has a power of 0.8. *Covered* is the share of ranges that contain the true need. The promised share is 0.8, "
        f"and its sampling error is ±{1.96 * math.sqrt(0.16 / wanted):.3f} (95 % interval). *Cannot tell* is a share "
        f"of comparisons, *no upper bound* a share of ranges. A row has at most {wanted:,} ranges. A row is left out "
        "if nearly all its comparisons have a verdict."
    )
    yield from _table("looks", "effect", "smallest difference", "cannot tell", "true need", "covered",
                      "at least (median)", "at most (median)", "no upper bound")  # fmt: skip
    for looks in PLANS:
        for effect, smallest in NEEDS:
            row = coverage(rng, wanted, looks, effect, smallest)
            if row is not None:
                low, high = np.quantile(row.ranges, 0.5, axis=1, method="lower")
                yield _row(
                    _plan(looks), f"{effect:g}", "–" if smallest is None else f"{smallest:g}", f"{row.share:.2f}",
                    "–" if row.need is None else f"{row.need:,}", f"{row.coverage:.3f}",
                    f"{low:.0f}", "none" if math.isinf(high) else f"{high:.0f}",
                    f"{np.isinf(row.ranges[1]).mean():.2f}",
                )  # fmt: skip
    yield from gates(count // 10)


def gates(count: int) -> Iterator[str]:
    """Yield the lines about the gate, simulated with a generator of its own."""
    rng = np.random.default_rng(52)
    yield "\n## A gate: `charloom compare --require`"
    yield (
        f"\n{count:,} gates per number. A cell has the shares of gates that exit with 0 and with 1, at the first look "
        "with a verdict. The other gates exit with 6. Lower values are better, and the smallest difference that "
        "matters is 1 standard deviation. A gate passes wrongly if `better` passes at a true difference of 0 or more, "
        "or `not-worse` at 1 or more. The promised share of wrong passes is at most 0.025."
    )
    yield from _table("required", "looks", *(f"true difference {x:g}" for x in GATED))
    for requirement in (BETTER, NOT_WORSE):
        for looks in PLANS:
            cells = [gate_shares(rng, count, looks, x, requirement, 1.0) for x in GATED]
            yield _row(f"`{requirement}`", _plan(looks), *(f"{x.passed:.3f} / {x.failed:.3f}" for x in cells))


if __name__ == "__main__":
    lines = page(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
    Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
