"""A text from disk, its held-out end, and the file of both that `prepare` writes."""

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from charloom.base.array_file import Layout, pack, unpack
from charloom.base.errors import Damaged, WrongInput
from charloom.base.storage import write
from charloom.base.types import Array
from charloom.settings.memory import check_memory
from charloom.text.vocabulary import Vocabulary

BYTES_PER_CHARACTER = 50  # of memory, while n-grams are counted


@dataclass(frozen=True, eq=False)
class Text:
    """A text as ids (characters,) in its own vocabulary: the part to learn from, and the end that is held out."""

    vocabulary: Vocabulary
    training: Array
    held_out: Array

    def __len__(self) -> int:
        """Return the number of characters, in both parts."""
        return len(self.training) + len(self.held_out)

    def check(self, path: Path, seq_length: int) -> None:
        """Raise WrongInput where the text in this file is too short for one sequence and its targets."""
        if len(self.training) < seq_length + 1:
            raise WrongInput(
                f"{path}: {len(self.training)} characters for training beside {len(self.held_out)} held out; "
                f"seq_length = {seq_length} needs at least {seq_length + 1}"
            )


def read_text(path: Path) -> str:
    """Return the text of the file, as `decoded` does.

    Raises WrongInput naming the file, Unavailable where the machine's memory is too small for it.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise WrongInput(f"params.yaml: prepare.text: {path}: not a file")
        check_memory(BYTES_PER_CHARACTER * path.stat().st_size, f"{path} (prepare.text)")
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name, which each Python words in its own way
        name = str(path) if str(path).isprintable() else ascii(str(path))
        reason = error.strerror if isinstance(error, OSError) else "a file name cannot hold a NUL"
        raise WrongInput(f"params.yaml: prepare.text: {name}: {reason}") from None
    return decoded(content, str(path))


def decoded(content: bytes, name: str) -> str:
    """Return the text: UTF-8, a byte-order mark dropped, CRLF read as LF, nothing else changed.

    Raises WrongInput, under that name, where it is empty or not UTF-8; then it says which byte is wrong.
    """
    try:
        text = content.decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise WrongInput(f"{name}: byte {content[error.start]:#04x} at offset {error.start} is not UTF-8") from None
    if not text:
        raise WrongInput(f"{name}: the text is empty")
    return text


def split(ids: Array, held_out: float) -> tuple[Array, Array]:
    """Return the training part and the last `held_out` fraction of ids."""
    end = len(ids) - int(held_out * len(ids))
    return ids[:end], ids[end:]


def prepared(path: Path, held_out: float) -> tuple[Text, str]:
    """Return the text of the file as ids, that fraction of its end held out, and the characters that occur once.

    Raises what `read_text` raises.
    """
    characters = read_text(path)
    vocabulary = Vocabulary.of(characters)
    ids = vocabulary.encode(characters)
    once = vocabulary.decode(np.flatnonzero(np.bincount(ids, minlength=len(vocabulary)) == 1))
    return Text(vocabulary, *split(ids, held_out)), once


def write_text(path: Path, text: Text) -> None:
    """Write the text as an npz file."""
    arrays = {"vocabulary": text.vocabulary.code_points, "training": text.training, "held_out": text.held_out}
    write(path, pack(arrays))


def read_prepared(path: Path) -> Text:
    """Return the text that `prepare` wrote. Raises Damaged, naming the file, where it holds none."""
    try:
        with path.open("rb") as file:
            arrays = unpack(file, _layout)
        vocabulary = Vocabulary.from_code_points(arrays["vocabulary"])
        for name in ("training", "held_out"):
            if len(arrays[name]) and arrays[name].max() >= len(vocabulary):
                raise ValueError(f"{name} does not hold ids below {len(vocabulary)}")
    except (OSError, ValueError) as error:
        raise Damaged(f"{path}: {error}; `dvc repro` makes it again") from None
    return Text(vocabulary, arrays["training"], arrays["held_out"])


def _layout(sizes: Mapping[str, int]) -> Layout:
    K = sizes.get("vocabulary", 0) // 4
    ids = np.min_scalar_type(max(K - 1, 0))
    lengths = {name: sizes.get(name, 0) // ids.itemsize for name in ("training", "held_out")}
    return {"vocabulary": ((K,), np.uint32)} | {name: ((length,), ids) for name, length in lengths.items()}
