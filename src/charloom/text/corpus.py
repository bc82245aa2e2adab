"""A text from disk, its held-out end, and the file of both that `prepare` writes.

A text may be larger than memory, so it is read a piece at a time: once to count its characters, once more to write
their ids.
"""

import codecs
import hashlib
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from charloom.base.errors import CheckFailed, Damaged, WrongInput
from charloom.base.pieces import opened, save, taken_from
from charloom.base.storage import whole
from charloom.base.terminal import in_line
from charloom.base.types import Array, Numbers
from charloom.text.vocabulary import CODE_POINTS, Vocabulary, code_points

PIECE = 2**18  # bytes of text at a time: what is made of them stays in the second-level cache


@dataclass(frozen=True, eq=False)
class Text:
    """A text as ids (characters,) in its own vocabulary: the part to learn from, and the end that is held out."""

    vocabulary: Vocabulary
    training: Numbers
    held_out: Numbers

    def __len__(self) -> int:
        """Return the number of characters, in both parts."""
        return len(self.training) + len(self.held_out)

    def check(self, path: Path, seq_length: int, batch: int) -> None:
        """Raise WrongInput where the text in this file is too short for a batch of sequences and their targets."""
        check_lengths(path, (len(self.training), len(self.held_out)), seq_length, batch)


class Survey(NamedTuple):
    """What is known of a text's file when its characters are counted: whose, how many, the file's SHA-256.

    once   the characters that occur once
    state  size and time of the file meanwhile
    """

    path: Path
    vocabulary: Vocabulary
    characters: int
    once: str
    sha256: str
    state: tuple[int, int]


def check_lengths(path: Path, lengths: tuple[int, int], seq_length: int, batch: int) -> None:
    """Raise WrongInput where a text of this file, of so many characters in each part, is too short for one batch."""
    training, held_out = lengths
    if training < batch * seq_length + 1:
        beside = f" with batch = {batch}" if batch > 1 else ""
        raise WrongInput(
            f"{path}: {training} characters for training beside {held_out} held out; "
            f"seq_length = {seq_length}{beside} needs at least {batch * seq_length + 1}"
        )


def decoded(file: BinaryIO, name: str, digest: Any = None) -> Iterator[str]:
    """Yield the text in pieces: UTF-8, a byte-order mark dropped, CRLF read as LF, nothing else changed.

    `digest` takes the bytes. Raises WrongInput, under that name, where it is empty or not UTF-8; then it says which
    byte is wrong.
    """
    decoder, read, begun, some, kept = codecs.getincrementaldecoder("utf-8")(), 0, False, False, ""
    content = b"\0"
    while content:
        content = file.read(PIECE)
        read += len(content)
        if digest:
            digest.update(content)
        try:
            text = kept + decoder.decode(content, final=not content)
        except UnicodeDecodeError as error:  # of bytes of the piece before, perhaps, and those of this one
            offset, wrong = read - len(error.object) + error.start, error.object[error.start]
            raise WrongInput(f"{name}: byte {wrong:#04x} at offset {offset} is not UTF-8") from None
        if text and not begun:
            text, begun = text.removeprefix("\ufeff"), True
        kept = "\r" if content and text.endswith("\r") else ""  # is a \n next?
        if "\r" in text:  # asked first: most texts have none, and this is forty times faster
            text = text.removesuffix(kept).replace("\r\n", "\n")
        if text:
            some = True
            yield text
    if not some:
        raise WrongInput(f"{name}: the text is empty")


def read_text(path: Path, digest: Any = None) -> Iterator[str]:
    """Yield the text of the file, as `decoded` does. Raises WrongInput naming the file."""
    _state(path)
    try:
        with path.open("rb") as file:
            yield from decoded(file, str(path), digest)
    except OSError as error:
        raise _refused(path, error) from None


def _state(path: Path) -> tuple[int, int]:
    """Return size and time of the file. Raises WrongInput where it is none."""
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise _refused(path, error) from None
    if not stat.S_ISREG(status.st_mode):
        raise WrongInput(f"params.yaml: prepare.text: {path}: not a file")
    return status.st_size, status.st_ctime_ns


def _refused(path: Path, error: OSError | ValueError) -> WrongInput:
    """Return what to raise. A ValueError is a NUL in the name, which each Python words in its own way."""
    reason = error.strerror if isinstance(error, OSError) else "a file name cannot hold a NUL"
    return WrongInput(f"params.yaml: prepare.text: {in_line(str(path))}: {reason}")


def survey(path: Path) -> Survey:
    """Return what counting the text's characters says. Raises what `read_text` raises."""
    state, digest, counts = _state(path), hashlib.sha256(), np.zeros(CODE_POINTS, np.int64)
    for text in read_text(path, digest):
        some = np.bincount(code_points(text))
        counts[: len(some)] += some
    found = np.flatnonzero(counts)
    vocabulary = Vocabulary.from_code_points(found)
    once = vocabulary.decode(np.flatnonzero(counts[found] == 1))
    return Survey(path, vocabulary, int(counts.sum()), once, digest.hexdigest(), state)


def split(characters: int, held_out: float) -> tuple[int, int]:
    """Return how many characters are for training, and how many at the end, that fraction, are held out."""
    end = int(held_out * characters)
    return characters - end, end


def write_text(path: Path, of: Survey, lengths: tuple[int, int]) -> None:
    """Write the text's vocabulary and ids, so many for training and held out, as an npz file.

    Raises CheckFailed where the text is not the one that was counted.
    """

    def ensure_same() -> None:
        if _state(of.path) != of.state:
            raise CheckFailed(f"{of.path}: edited while it was read: nothing is made of it; start prepare again")

    def ids() -> Iterator[Array]:
        for text in read_text(of.path):
            yield of.vocabulary.encode(text)
        ensure_same()  # else it is too short, perhaps

    with whole(path) as file:
        save_text(file, of.vocabulary.code_points, ids(), lengths)
        ensure_same()


def save_text(file: BinaryIO, code_points: Array, ids: Iterable[Array], lengths: tuple[int, int]) -> None:
    """Write a vocabulary and the ids, so many for training and held out, as an npz file."""
    K, take = len(code_points), taken_from(ids)
    dtype = np.min_scalar_type(K - 1)
    save(
        file,
        {
            "vocabulary": (K, np.uint32, taken_from([code_points])),
            "training": (lengths[0], dtype, take),
            "held_out": (lengths[1], dtype, take),
        },
    )


def read_prepared(path: Path) -> Text:
    """Return the text that `prepare` wrote. Raises Damaged, naming the file, where it holds none.

    So do its ids, where they are not those that `prepare` wrote, when they are read.
    """
    try:
        found = opened(path, _layout)
        vocabulary = Vocabulary.from_code_points(found["vocabulary"][:])
    except (OSError, ValueError) as error:
        raise Damaged(f"{path}: {error}; `dvc repro` makes it again") from None
    return Text(vocabulary, found["training"], found["held_out"])


def _layout(sizes: Mapping[str, int]) -> dict[str, tuple[int, Any, int]]:
    K = sizes.get("vocabulary", 0) // 4
    ids = np.min_scalar_type(max(K - 1, 0))
    lengths = {name: sizes.get(name, 0) // ids.itemsize for name in ("training", "held_out")}
    forms = {name: (length, ids, K) for name, length in lengths.items()}
    return {"vocabulary": (K, np.dtype(np.uint32), CODE_POINTS)} | forms
