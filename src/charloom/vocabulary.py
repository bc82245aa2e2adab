"""Characters to ids and back: the sorted distinct characters of a text, so that no run depends on set order."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from charloom.errors import Damaged, WrongInput
from charloom.pipeline import read_json, write_json
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


def write_vocabulary(path: Path, vocabulary: Vocabulary) -> None:
    """Write the characters as a JSON list, one a line, in the order of their ids."""
    write_json(path, list(vocabulary.characters))


def read_vocabulary(path: Path) -> Vocabulary:
    """Return the vocabulary of the file. Raises Damaged where it does not hold one."""
    try:
        return Vocabulary("".join(read_json(path)))
    except (TypeError, ValueError) as error:
        raise Damaged(f"{path}: {error}; `dvc repro` makes it again") from None
