"""A text from disk, its held-out end, and what counting alone can predict."""

import io
from pathlib import Path

import numpy as np

from charloom.errors import Damaged, WrongInput
from charloom.pipeline import write
from charloom.rnn import Array


def read_text(path: Path) -> str:
    """Return the text: UTF-8, a byte-order mark dropped, CRLF read as LF, nothing else changed.

    Raises WrongInput naming the file, and the byte's offset where it is not UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise WrongInput(f"{path}: {error.strerror} (prepare.text)") from None
    except UnicodeDecodeError as error:
        wrong = error.object[error.start]
        raise WrongInput(f"{path}: byte {wrong:#04x} at offset {error.start} is not UTF-8") from None
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if not text:
        raise WrongInput(f"{path}: the text is empty")
    return text


def split(ids: Array, held_out: float) -> tuple[Array, Array]:
    """Return the training part and the last `held_out` fraction of ids."""
    end = len(ids) - int(held_out * len(ids))
    return ids[:end], ids[end:]


def conditional_entropy(ids: Array, K: int, n: int) -> float:
    """Return the in-sample entropy, in nats, of a character given the n − 1 before it: an n-gram's best loss.

    (Σ C log C − Σ c log c) / N over the counts c of the N n-grams and C of their contexts. Optimistic for
    large n: a context that occurs once predicts its only successor for certain.
    """
    total = len(ids) - n + 1
    if total < 1:
        return 0.0
    grams = np.zeros(total, np.int64)
    for place in range(n):
        grams = grams * K + ids[place : place + total]
    weighted = []
    for codes in (grams // K, grams):
        counts = np.unique(codes, return_counts=True)[1]
        weighted.append(float((counts * np.log(counts)).sum()))
    return (weighted[0] - weighted[1]) / total


def write_ids(path: Path, ids: Array) -> None:
    """Write the ids as an npy file, which can be mapped into memory."""
    content = io.BytesIO()
    np.save(content, ids, allow_pickle=False)
    write(path, content.getvalue())


def read_ids(path: Path, K: int) -> Array:
    """Return the ids (characters,), mapped into memory. Raises Damaged where they are not ids below K."""
    try:
        ids: Array = np.load(path, mmap_mode="r" if path.stat().st_size > 0 else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise Damaged(f"{path}: not readable as an array ({error}); `dvc repro` makes it again") from None
    if ids.ndim != 1 or ids.dtype.kind != "u" or (len(ids) and ids.max() >= K):
        raise Damaged(f"{path}: does not hold ids below {K}; `dvc repro` makes it again")
    return ids
