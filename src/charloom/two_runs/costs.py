"""The difference of two models' costs of one text, as a sum over its characters, and the parts of this sum.

A cost is the −log₂ of the probability that a model gave to a character. A text of n + 1 ids has n costs, because the
first id is not predicted. A share is the sum of the costs of some characters, divided by n, in bits per character: so
the shares of all characters add up to the cost of the text.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from charloom.core.base.types import Array
from charloom.core.config.records import PASSAGES
from charloom.core.network.logarithm import LN2
from charloom.sampling.quality import WORD
from seedpairs.statistics import critical, moments

FEWEST = 5  # seeds of each setting for a band
LEVEL = 0.95
KINDS = (
    "first letter of a word", "second letter", "later letter", "capital letter", "digit", "space", "line break",
    "punctuation and others",
)  # fmt: skip

TESTS = len(KINDS) + PASSAGES  # parts of a text, which share the probability of a false claim
Spread = tuple[Sequence[float], Sequence[float]]  # values by other seeds of A's setting, and of B's


class Share(NamedTuple):
    """A part of the text, and B's share minus A's, in bits per character.

    characters  number of characters
    half        the difference of two equally good settings is less than `half` with probability LEVEL; None if unknown
    """

    name: str
    characters: int
    difference: float
    half: float | None

    @property
    def beyond_chance(self) -> bool:
        """Return whether the difference exceeds `half`, so that it is hardly chance; False if `half` is None."""
        return self.half is not None and abs(self.difference) > self.half


Shares = tuple[Share, ...]


def half_width(spread: Spread, tests: int = 1) -> float | None:
    """Return the half width of the band of chance; None if a setting has fewer than FEWEST values.

    This is t · √(s_A² + s_B²), with the standard deviations of both settings' values, and the quantile t of Student's t
    for the smaller number of values. `tests` differences share the probability of a false claim, 1 − LEVEL.
    """
    size, sds = min(map(len, spread)), [moments(values).sd or 0.0 for values in spread]
    return None if size < FEWEST else critical(size, (1 - LEVEL) / tests) * float(np.hypot(sds[0], sds[1]))


def shares(names: Sequence[str], index: Array, costs: Sequence[Array], others: Sequence[Sequence[Array]]) -> Shares:
    """Return the share of each part that has characters.

    names   the parts
    index   (n,) the part of each cost
    costs   (n,) costs by A's and by B's model, in nats
    others  (n,) costs by models with other seeds of A's and of B's setting, in nats
    """
    count = np.bincount(index, minlength=len(names))

    def of(nats: Array) -> Array:  # added in order: the same bits on every processor
        return np.bincount(index, nats, len(names)) / len(nats) / LN2

    difference, (a, b) = of(costs[1]) - of(costs[0]), [[of(nats) for nats in own] for own in others]
    halves = [half_width(([x[k] for x in a], [x[k] for x in b]), TESTS) for k in range(len(names))]
    rows = zip(names, count.tolist(), difference.tolist(), halves, strict=True)
    return tuple(Share(*row) for row in rows if row[1])


def by_kind(text: str) -> Array:
    """Return the kind (an index of KINDS) of each character but the first: a letter's place in its word, digit etc."""
    index, place = np.empty(len(text), np.int64), 0
    kinds = {character: _kind(character) for character in set(text)}
    for n, character in enumerate(text):
        kind = kinds[character]
        index[n] = min(place, 2) if kind == 0 else kind
        place = place + 1 if kind in {0, 3} else 0
    return index[1:]


def _kind(character: str) -> int:
    """Return the index in KINDS of a character, whatever its place in a word; 0 for a small letter."""
    if WORD.match(character):
        return 3 if character.isupper() or character.istitle() else 0
    return 6 if character == "\n" else 5 if character.isspace() else 4 if character.isdecimal() else 7


def by_position(n: int) -> tuple[list[str], Array]:
    """Return PASSAGES blocks of about equal length, and the block of each of n costs."""
    bounds = [n * part // PASSAGES for part in range(PASSAGES + 1)]
    names = [f"{start + 2:,} to {end + 1:,}" for start, end in pairwise(bounds)]
    return names, np.repeat(np.arange(PASSAGES), np.diff(bounds))
