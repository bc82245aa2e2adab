"""How often an answer claims what is not so, when somebody looks again, and when trials are lost: simulated studies.

`python benchmarks/looks.py` writes benchmarks/looks.md; `python benchmarks/looks.py 200` simulates fewer. No setting
differs from another, so each claim is false. All is decided by the code that `charloom study` runs.
"""

import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np
from factors import DESIGNS, claims, levels_of, name_of

from paired import Measured, Measurement
from paired.answering import verdicts

ANSWERS = (3, 5, 10)  # seeds at which somebody asks
LOST = (0.05, 0.2)  # shares of trials that come to nothing

Values = dict[str, list[float | None]]


def drawn(rng: np.random.Generator, shape: tuple[int, ...], n: int) -> tuple[Values, dict[str, dict[str, str]]]:
    """Return n values of each setting, which share an effect of the seed; and the settings' levels."""
    cells = list(product(*map(range, shape)))
    names = [name_of(cell) for cell in cells]
    values = rng.normal(size=(len(cells), n)) + rng.normal(size=n)
    return {name: list(map(float, row)) for name, row in zip(names, values, strict=True)}, levels_of(names)


def lost(rng: np.random.Generator, values: Values, share: float, *, worst: bool) -> Values:
    """Return the values without a share of them: any, or the largest ones, as trials explode that go badly."""
    limit = np.quantile([x for row in values.values() for x in row], 1 - share)
    return {
        name: [None if (x > limit if worst else rng.random() < share) else x for x in row]
        for name, row in values.items()
    }


def claimed(values: Values, levels: dict[str, dict[str, str]], n: int, looks: tuple[int, ...]) -> bool:
    """Return whether the answer at the first n seeds claims anything."""
    trials = {name: dict(enumerate(map(Measurement, row[:n]))) for name, row in values.items()}
    return bool(claims(verdicts(Measured("loss", "lower", next(iter(values)), trials, looks=looks, levels=levels))))


def _share(count: int, once: Callable[[], bool]) -> str:
    return f"{np.mean([once() for _ in range(count)]):.3f}"


def page(count: int) -> Iterator[str]:
    """Give the lines of the page."""
    rng = np.random.default_rng(48)
    error = 1.96 * (0.05 * 0.95 / count) ** 0.5
    given = "" if count == 2000 else f" {count}"
    yield "# Looks that nobody declared, and trials that are lost\n"
    yield (
        f"Written by `python benchmarks/looks.py{given}`: the share of {count:,} simulated studies in which no setting "
        f"differs and an answer claims something. Sampling error of 0.05, at 95 %: ±{error:.3f}."
    )
    seeds = f"{', '.join(map(str, ANSWERS[:-1]))} and {ANSWERS[-1]}"
    yield f"\n## Answers at {seeds} seeds, without declared looks\n"
    yield "| settings | the first answer has spent the level | each answer has 5 % of its own | looks declared |"
    yield "|---|---|---|---|"

    def again(shape: tuple[int, ...], looks: Callable[[int], tuple[int, ...]]) -> bool:
        values, levels = drawn(rng, shape, ANSWERS[-1])
        return any(claimed(values, levels, n, looks(n)) for n in ANSWERS)

    for shape in ((2,), (4,), *DESIGNS):
        shares = [
            _share(count, lambda shape=shape, looks=looks: again(shape, looks))
            for looks in (lambda _: ANSWERS[:1], lambda n: (n,), lambda _: ANSWERS)
        ]
        yield f"| {' × '.join(map(str, shape))} | {' | '.join(shares)} |"
    yield "\n## Trials without a value, one answer\n"
    heads = [f"{share:.0%} lost, {kind}" for share in LOST for kind in ("any", "the worst")]
    yield f"| settings | seeds | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 2) + "|"

    def incomplete(shape: tuple[int, ...], n: int, share: float, worst: bool) -> bool:
        values, levels = drawn(rng, shape, n)
        return claimed(lost(rng, values, share, worst=worst), levels, n, (n,))

    for shape in ((2,), (4,), *DESIGNS):
        for n in ANSWERS[1:]:
            shares = [
                _share(count, lambda shape=shape, n=n, x=x, worst=worst: incomplete(shape, n, x, worst))
                for x in LOST
                for worst in (False, True)
            ]
            yield f"| {' × '.join(map(str, shape))} | {n} | {' | '.join(shares)} |"


if __name__ == "__main__":
    lines = page(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
    Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")
