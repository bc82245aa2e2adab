"""Measure the rate of false claims with undeclared looks, and with missing trials, in simulated studies.

`python benchmarks/looks.py` writes benchmarks/looks.md; `python benchmarks/looks.py 200` simulates fewer studies. No
setting differs from another, so each claim is false. The code that `charloom compare` runs decides each study.
"""

import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np
from factors import DESIGNS, claims, levels_of, name_of

from seedpairs import Measured, Measurement
from seedpairs.analysis import verdicts

ANSWERS = (3, 5, 10)  # numbers of seeds at which the study answers
MISSING = (0.05, 0.2)  # shares of trials without a value

Values = dict[str, list[float | None]]


def simulate(rng: np.random.Generator, shape: tuple[int, ...], n: int) -> tuple[Values, dict[str, dict[str, str]]]:
    """Return n values of each setting, with an effect of the seed on all settings, and the settings' levels."""
    cells = list(product(*map(range, shape)))
    names = [name_of(cell) for cell in cells]
    values = rng.normal(size=(len(cells), n)) + rng.normal(size=n)
    return {name: list(map(float, row)) for name, row in zip(names, values, strict=True)}, levels_of(names)


def drop(rng: np.random.Generator, values: Values, share: float, *, worst: bool) -> Values:
    """Replace a share of the values by None: random ones, or the largest ones, because bad trials explode."""
    limit = np.quantile([x for row in values.values() for x in row], 1 - share)
    return {
        name: [None if (x > limit if worst else rng.random() < share) else x for x in row]
        for name, row in values.items()
    }


def claims_anything(values: Values, levels: dict[str, dict[str, str]], n: int, looks: tuple[int, ...]) -> bool:
    """Return whether the answer at the first n seeds claims a difference or an effect."""
    trials = {name: dict(enumerate(map(Measurement, row[:n]))) for name, row in values.items()}
    return bool(claims(verdicts(Measured("loss", "lower", next(iter(values)), trials, looks=looks, levels=levels))))


def _share(count: int, false_claim: Callable[[], bool]) -> str:
    return f"{np.mean([false_claim() for _ in range(count)]):.3f}"


def page(count: int) -> Iterator[str]:
    """Yield the lines of the page."""
    rng = np.random.default_rng(48)
    error = 1.96 * (0.05 * 0.95 / count) ** 0.5
    argument = "" if count == 2000 else f" {count}"
    yield "# False claims with undeclared looks, and with missing trials\n"
    yield (
        f"Written by `python benchmarks/looks.py{argument}`: {count:,} simulated studies per number. No setting "
        "differs from another, so each claim is false. A number is the share of studies in which an answer claims a "
        f"difference or an effect. A share of 0.05 has a sampling error of ±{error:.3f} (95 % interval)."
    )
    seeds = f"{', '.join(map(str, ANSWERS[:-1]))} and {ANSWERS[-1]}"
    yield f"\n## Answers at {seeds} seeds, without declared looks\n"
    yield (
        "charloom uses the first rule: only the first answer decides. The other columns show, for comparison, answers "
        "that each have their own 5 %, and declared looks, which share the 5 %.\n"
    )
    yield "| settings | only the first answer decides | each answer has its own 5 % | declared looks |"
    yield "|---|---|---|---|"

    def any_answer_claims(shape: tuple[int, ...], looks: Callable[[int], tuple[int, ...]]) -> bool:
        values, levels = simulate(rng, shape, ANSWERS[-1])
        return any(claims_anything(values, levels, n, looks(n)) for n in ANSWERS)

    for shape in ((2,), (4,), *DESIGNS):
        shares = [
            _share(count, lambda shape=shape, looks=looks: any_answer_claims(shape, looks))
            for looks in (lambda _: ANSWERS[:1], lambda n: (n,), lambda _: ANSWERS)
        ]
        yield f"| {' × '.join(map(str, shape))} | {' | '.join(shares)} |"
    yield "\n## Missing trials, one answer\n"
    yield (
        "Missing trials have no value. *At random*: any trial may be missing. *The worst*: the trials with the largest "
        "values are missing, as if they had diverged.\n"
    )
    heads = [f"{share:.0%} missing, {kind}" for share in MISSING for kind in ("at random", "the worst")]
    yield f"| settings | seeds | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 2) + "|"

    def incomplete_claims(shape: tuple[int, ...], n: int, share: float, worst: bool) -> bool:
        values, levels = simulate(rng, shape, n)
        return claims_anything(drop(rng, values, share, worst=worst), levels, n, (n,))

    for shape in ((2,), (4,), *DESIGNS):
        for n in ANSWERS[1:]:
            shares = [
                _share(count, lambda shape=shape, n=n, x=x, worst=worst: incomplete_claims(shape, n, x, worst))
                for x in MISSING
                for worst in (False, True)
            ]
            yield f"| {' × '.join(map(str, shape))} | {n} | {' | '.join(shares)} |"


if __name__ == "__main__":
    lines = page(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
    Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
