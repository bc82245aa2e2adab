"""The vocabulary of a text: a map from characters to ids and back. Ids follow the sorted order of the characters."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from charloom.core.base.types import Array

CODE_POINTS = 0x110000  # Unicode's code points, U+0000 to U+10FFFF


@dataclass(frozen=True)
class Vocabulary:
    """K distinct characters, sorted by code point; a character's id is its index."""

    characters: str

    def __post_init__(self) -> None:
        """Raise ValueError if there are no characters, or if they are not sorted and distinct."""
        if not self.characters or list(self.characters) != sorted(set(self.characters)):
            raise ValueError("the vocabulary is empty, or its characters are not sorted and distinct")

    @classmethod
    def from_code_points(cls, code_points: Array) -> "Vocabulary":
        """Return the vocabulary of sorted code points (K,). Raises ValueError if one is invalid or out of order."""
        return cls(code_points.astype("<u4").tobytes().decode("utf-32-le"))

    def __len__(self) -> int:
        """Return K, the number of characters."""
        return len(self.characters)

    @property
    def code_points(self) -> Array:
        """Return the characters as sorted uint32 code points (K,)."""
        return code_points(self.characters)

    def encode(self, text: str) -> Array:
        """Return the text's ids (len(text),), in the smallest unsigned dtype that holds K − 1.

        The text must contain only characters of the vocabulary: any other character gets id 0 without an error.
        """
        return self._ids.take(code_points(text).astype(np.intp))  # twice as fast as indexing with uint32

    @cached_property
    def _ids(self) -> Array:
        """Return a table of ids by code point, 0 if a code point has no id. It is faster than np.searchsorted."""
        ids = np.zeros(CODE_POINTS, np.min_scalar_type(len(self) - 1))
        ids[self.code_points] = np.arange(len(self))
        return ids

    def part(self, text: str) -> tuple[Array, str, str]:
        """Split the text into the characters that are in the vocabulary and those that are not.

        Returns a mask (len(text),), True for a character in the vocabulary, and the two texts, each in order.
        """
        points = code_points(text)
        mask = np.isin(points, self.code_points)
        inside, outside = (points[part].tobytes().decode("utf-32-le", "surrogatepass") for part in (mask, ~mask))
        return mask, inside, outside

    def decode(self, ids: Array | list[int]) -> str:
        """Return the text, the characters with these ids (n,)."""
        return self.code_points.take(np.asarray(ids, np.intp)).tobytes().decode("utf-32-le", "surrogatepass")


def code_points(text: str) -> Array:
    """Return the text's code points (len(text),), uint32; lone surrogates are allowed."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
