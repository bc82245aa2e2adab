"""What a command reads: a model, from a file or from MLflow, and a text."""

import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import psutil

from charloom.base.errors import Unavailable, WrongInput
from charloom.model.model_file import Model, read_model
from charloom.settings.memory import check_memory
from charloom.settings.pipeline import files
from charloom.text.corpus import decoded
from charloom.tracking.asking import asked

MODEL_MAY_TAKE = 30  # seconds, to come from a store
COPIES = 5  # of a model's numbers in memory, while it is read and checked
BYTES_PER_CHARACTER = 100  # of memory, of a text that is kept while it is scored


def model_at(address: str | None) -> Model:
    """Return the model of an npz file or of an address in MLflow, `models:/…`; by default the pipeline's best.

    Raises WrongInput where there is none, Damaged where it is something else, Unavailable where MLflow is away or
    memory is too small for it.
    """
    if address is None:
        return read_model(files("sample")["models/best"])
    if not address.startswith("models:/"):
        path = Path(address)
        if path.is_file():
            check_memory(COPIES * path.stat().st_size, f"{address}, read as a model,")
        return read_model(path)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.npz"
        asked("fetch", address, str(file), seconds=MODEL_MAY_TAKE)
        return read_model(file)


def text_at(source: str, *, kept: bool = True) -> Iterator[str]:
    """Yield the text of a file in pieces, or that of standard input for `-`; `kept` says whether all of it will be.

    Raises WrongInput where there is none, Unavailable where it is too large for the machine's memory, which a device
    without end always is.
    """
    name, standard = source_name(source), sys.stdin.buffer if sys.stdin else io.BytesIO()
    bounded = kept or _path(source).is_char_device()
    most = left = psutil.virtual_memory().available // BYTES_PER_CHARACTER if bounded else sys.maxsize
    try:
        with nullcontext(standard) if source == "-" else Path(source).open("rb") as file:
            for text in decoded(file, name):
                left -= len(text)
                if left < 0:
                    raise Unavailable(f"{name}: not enough memory for more than {most:,} characters of text")
                yield text
    except OSError as error:
        raise WrongInput(f"{name}: {error.strerror}; allowed is a text in UTF-8, or - for standard input") from None


def source_name(source: str) -> str:
    """Return what a message calls the source of a text."""
    return "standard input" if source == "-" else source or "''"


def size_of(source: str) -> int:
    """Return the bytes of the text where they are known: where it is a file."""
    path = _path(source)
    return path.stat().st_size if path.is_file() else 0


def _path(source: str) -> Path:
    return Path("/dev/stdin" if source == "-" else source)
