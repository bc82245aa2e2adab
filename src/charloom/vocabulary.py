"""Characters to ids and back: the sorted distinct characters of a text, so that no run depends on set order."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from charloom.errors import WrongInput
from charloom.rnn import Array


@dataclass(frozen=True)
class Vocabulary:
    """K distinct characters, sorted by code point; a character's id is its place."""

    characters: str

    def __post_init__(self) -> None:
        """Raise ValueError where the characters are not sorted and distinct."""
        if not self.characters or list(self.characters) != sorted(set(self.characters)):
            raise ValueError("the vocabulary is empty, or not sorted and distinct")

    @classmethod
    def of(cls, text: str) -> "Vocabulary":
        """Return the vocabulary of the text."""
        return cls("".join(sorted(set(text))))

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
        return _code_points(self.characters)

    def encode(self, text: str) -> Array:
        """Return the text's ids, in the smallest unsigned type that holds K − 1.

        Raises WrongInput naming the characters that the vocabulary lacks.
        """
        unknown = sorted(set(text) - set(self.characters))
        if unknown:
            raise WrongInput(f"not in the vocabulary of this model: {', '.join(map(ascii, unknown))}")
        return np.searchsorted(self.code_points, _code_points(text)).astype(np.min_scalar_type(len(self) - 1))

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of the ids."""
        return "".join(self.characters[i] for i in ids)


def _code_points(text: str) -> Array:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)
