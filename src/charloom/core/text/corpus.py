"""Reading a text file, splitting off a held-out end, and the file of ids that the stage `prepare` writes.

The text file is read twice, in pieces: first to count the characters, then to write the ids of the characters.
"""

import codecs
import hashlib
import stat
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from charloom.core.base.array_file import Arrays, Layout, load, reader
from charloom.core.base.errors import CheckFailed, Damaged, WrongInput
from charloom.core.base.storage import atomic_file, ensure_text_size
from charloom.core.base.types import Array
from charloom.core.base.words import in_line
from charloom.core.text.vocabulary import CODE_POINTS, Vocabulary, code_points

PIECE = 2**18  # bytes read at a time: the arrays computed from them fit the second-level cache
WRITTEN = 2**20  # numbers written at a time


@dataclass(frozen=True, eq=False)
class Text:
    """A text as ids of a vocabulary, in two one-dimensional arrays: the training part, and the held-out end."""

    vocabulary: Vocabulary
    training: Array
    held_out: Array

    def __len__(self) -> int:
        """Return the number of characters of both parts."""
        return len(self.training) + len(self.held_out)

    def check(self, path: Path, seq_length: int, batch: int) -> None:
        """Raise WrongInput if the training part is too short for one batch: see check_lengths.

        path  the text's file, for the message
        """
        check_lengths(path, (len(self.training), len(self.held_out)), seq_length, batch)


class Survey(NamedTuple):
    """The result of counting a text file's characters.

    path        the text file
    vocabulary  the distinct characters
    characters  the length of the text in characters
    once        the characters that occur once
    sha256      SHA-256 of the file's bytes
    state       size (bytes) and ctime (ns) of the file when the count began
    """

    path: Path
    vocabulary: Vocabulary
    characters: int
    once: str
    sha256: str
    state: tuple[int, int]


def check_lengths(path: Path, lengths: tuple[int, int], seq_length: int, batch: int) -> None:
    """Raise WrongInput if the training part is too short for one batch of sequences and their targets.

    path     the text's file, for the message
    lengths  number of characters for training, and number held out
    """
    training, held_out = lengths
    if training < batch * seq_length + 1:
        with_batch = f" with batch = {batch}" if batch > 1 else ""
        raise WrongInput(
            f"{path}: {training} characters for training and {held_out} held out; "
            f"seq_length = {seq_length}{with_batch} needs at least {batch * seq_length + 1} for training"
        )


def decoded(file: BinaryIO, name: str, digest: Any = None, piece: int = PIECE) -> Iterator[str]:
    """Decode a UTF-8 text and yield it in pieces, without byte-order mark and with CRLF replaced by LF.

    name    the source's name, for messages
    digest  a hash object of hashlib, which is updated with the bytes of the file; None: nothing is hashed
    piece   bytes read at a time

    Raises WrongInput if the text is empty, or at the first byte that is not UTF-8, with the byte's offset.
    """
    decoder, read, empty, pending = codecs.getincrementaldecoder("utf-8-sig")(), 0, True, ""
    content = b"\0"
    while content:
        content = file.read(piece)
        read += len(content)
        if digest:
            digest.update(content)
        try:
            text = pending + decoder.decode(content, final=not content)
        except UnicodeDecodeError as error:  # error.object may begin with bytes of the previous piece
            offset, wrong = read - len(error.object) + error.start, error.object[error.start]
            raise WrongInput(f"{name}: byte {wrong:#04x} at offset {offset} is not UTF-8; save it as UTF-8") from None
        pending = "\r" if content and text.endswith("\r") else ""  # the next piece may begin with \n
        if "\r" in text:  # most texts have no \r, and this test is forty times faster than replace
            text = text.removesuffix(pending).replace("\r\n", "\n")
        if text:
            empty = False
            yield text
    if empty:
        raise WrongInput(f"{name}: the text is empty")


def read_text(path: Path, digest: Any = None) -> Iterator[str]:
    """Yield the text of the file in pieces, and update the hash object `digest`: see `decoded`.

    Raises WrongInput as `decoded` does, and if the file cannot be read or is not a regular file.
    """
    _state(path)
    try:
        with path.open("rb") as file:
            yield from decoded(file, str(path), digest)
    except OSError as error:
        raise _refused(path, error) from None


def _state(path: Path) -> tuple[int, int]:
    """Return the file's size (bytes) and ctime (ns).

    Raises WrongInput if the file is missing, is not a regular file, or is too large.
    """
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise _refused(path, error) from None
    if not stat.S_ISREG(status.st_mode):
        raise WrongInput(f"params.yaml: prepare.text: {path} is not a file")
    ensure_text_size(path, status.st_size)
    return status.st_size, status.st_ctime_ns


def _refused(path: Path, error: OSError | ValueError) -> WrongInput:
    """Return the exception for a file that cannot be read. A ValueError means a NUL in the file's name."""
    reason = error.strerror if isinstance(error, OSError) else "a file name cannot hold a NUL"
    return WrongInput(f"params.yaml: prepare.text: {in_line(str(path))}: {reason}")


def survey(path: Path) -> Survey:
    """Read the text file, count its characters, and return the counts.

    Raises WrongInput as `read_text` does, or if all characters are equal: the loss of each prediction would be 0.
    """
    state, digest, counts = _state(path), hashlib.sha256(), np.zeros(CODE_POINTS, np.int64)
    for text in read_text(path, digest):
        in_piece = np.bincount(code_points(text))
        counts[: len(in_piece)] += in_piece
    occurring = np.flatnonzero(counts)
    vocabulary = Vocabulary.from_code_points(occurring)
    if len(vocabulary) < 2:
        raise WrongInput(f"{path}: only one distinct character, {vocabulary.characters!r}; allowed are two or more")
    once = vocabulary.decode(np.flatnonzero(counts[occurring] == 1))
    return Survey(path, vocabulary, int(counts.sum()), once, digest.hexdigest(), state)


def split(characters: int, held_out: float) -> tuple[int, int]:
    """Return the lengths, in characters, of the training part and of the held-out end.

    held_out  the fraction of the text to hold out, in [0, 1); the number of characters is rounded down
    """
    end = int(held_out * characters)
    return characters - end, end


def write_text(path: Path, source: Survey, lengths: tuple[int, int]) -> None:
    """Write the ids and the vocabulary of the text file `source` to the .npz file `path`, atomically.

    lengths  number of characters for training, and number held out

    Raises CheckFailed, and writes nothing, if the text file has changed since it was counted. Raises WrongInput as
    `read_text` does.
    """
    with atomic_file(path) as file:
        ids = (source.vocabulary.encode(text) for text in read_text(source.path))
        save_text(file, source.vocabulary.code_points, ids, lengths)
        if _state(source.path) != source.state:
            raise CheckFailed(f"{source.path}: edited while prepare read it; no file is written; start prepare again")


def save_text(file: BinaryIO, code_points: Array, ids: Iterable[Array], lengths: tuple[int, int]) -> None:
    """Write a vocabulary and the ids of a text as an .npz file, in pieces of WRITTEN numbers.

    code_points  (K,) the vocabulary
    ids          the text in pieces of any length
    lengths      number of characters for training, and number held out

    Equal texts give equal bytes. NumPy's `savez` writes the same bytes.
    """
    K, take = len(code_points), reader(ids)
    dtype = np.min_scalar_type(K - 1)
    arrays = (
        ("vocabulary", K, np.uint32, reader([code_points])),
        ("training", lengths[0], dtype, take),
        ("held_out", lengths[1], dtype, take),
    )
    with zipfile.ZipFile(file, "w") as archive:
        for name, length, kind, numbers in arrays:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                form = np.lib.format.header_data_from_array_1_0(np.empty(0, kind)) | {"shape": (length,)}
                np.lib.format.write_array_header_1_0(member, form)
                for start in range(0, length, WRITTEN):
                    piece = numbers(min(WRITTEN, length - start))
                    member.write(np.ascontiguousarray(piece, kind).tobytes())


def read_prepared(path: Path) -> Text:
    """Return the text in a file that the stage `prepare` wrote. Raises Damaged, with the path, for any other file."""
    try:
        with path.open("rb") as file:
            arrays = load(file, _layout)
        vocabulary = Vocabulary.from_code_points(arrays["vocabulary"])
        for name in ("training", "held_out"):
            if arrays[name].max(initial=0) >= len(vocabulary):
                raise ValueError(f"{name} has numbers that are not below {len(vocabulary)}, the number of characters")
    except (OSError, ValueError) as error:
        raise Damaged(f"{path}: {error}; `dvc repro` makes it again") from None
    return Text(vocabulary, arrays["training"], arrays["held_out"])


def _layout(arrays: Arrays) -> Layout:
    sizes = {name: array.size for name, array in arrays.items()}
    K = sizes.get("vocabulary", 0)
    ids = np.min_scalar_type(max(K - 1, 0))
    return {"vocabulary": ((K,), np.uint32)} | {x: ((sizes.get(x, 0),), ids) for x in ("training", "held_out")}
