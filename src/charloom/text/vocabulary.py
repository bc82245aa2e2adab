"""Characters to ids and back: the sorted distinct characters of a text, so that no run depends on set order."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from charloom.base.types import Array

CODE_POINTS = 0x110000  # of Unicode


@dataclass(frozen=True)
class Vocabulary:
    """K distinct characters, sorted by code point; a character's id is its index."""

    characters: str

    def __post_init__(self) -> None:
        """Raise ValueError where the characters are not sorted and distinct."""
        if not self.characters or list(self.characters) != sorted(set(self.characters)):
            raise ValueError("the vocabulary is empty, or not sorted and distinct")

    @classmethod
    def from_code_points(cls, code_points: Array) -> "Vocabulary":
        """Return the vocabulary of sorted code points (K,). Raises ValueError where they are not, or no characters."""
        return cls(code_points.astype("<u4").tobytes().decode("utf-32-le"))

    def __len__(self) -> int:
        """Return K."""
        return len(self.characters)

    @property
    def code_points(self) -> Array:
        """Return the characters as sorted uint32 code points (K,)."""
        return code_points(self.characters)

    def encode(self, text: str) -> Array:
        """Return the text's ids, in the smallest unsigned type that holds K − 1. It may hold no other characters."""
        return self._ids.take(code_points(text).astype(np.intp))  # twice as fast as by [] and by uint32

    @cached_property
    def _ids(self) -> Array:
        """The id of each code point, 0 of those that have none: looking up is ten times faster than searching."""
        ids = np.zeros(CODE_POINTS, np.min_scalar_type(len(self) - 1))
        ids[self.code_points] = np.arange(len(self))
        return ids

    def part(self, text: str) -> tuple[Array, str, str]:
        """Return whether each character (characters,) has an id, the text of those that do, and that of the others."""
        points = code_points(text)
        known = np.isin(points, self.code_points)
        inside, outside = (points[which].tobytes().decode("utf-32-le", "surrogatepass") for which in (known, ~known))
        return known, inside, outside

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of the ids."""
        return "".join(self.characters[i] for i in ids)


def code_points(text: str) -> Array:
    """Return the text's code points (characters,), those of lone surrogates too."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
