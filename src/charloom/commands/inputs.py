"""What a command reads: a model, from a file or from MLflow, and a text."""

import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

import psutil

from charloom.base.errors import Unavailable, WrongInput
from charloom.model.model_file import Model, read_model
from charloom.settings.memory import check_memory
from charloom.settings.pipeline import files
from charloom.text.corpus import decoded
from charloom.tracking.apart import apart

SECONDS = 30  # that a store may take to send a model
COPIES = 5  # of a model's numbers in memory, while it is read and checked
BYTES_PER_CHARACTER = 100  # of memory, while a text is scored


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
        apart("logged_models.fetch", address, str(file), seconds=SECONDS)
        return read_model(file)


def text_at(source: str) -> tuple[str, str]:
    """Return a name for the source and its text: a file's, or standard input's for `-`.

    Raises WrongInput where there is none, Unavailable where it is too large for the machine's memory.
    """
    if source == "-":
        name = "standard input"
        return name, decoded(_read(sys.stdin.buffer, name) if sys.stdin else b"", name)
    try:
        with Path(source).open("rb") as file:
            return source, decoded(_read(file, source), source)
    except OSError as error:
        name = source or "''"
        raise WrongInput(f"{name}: {error.strerror}; allowed is a text in UTF-8, or - for standard input") from None


def _read(file: BinaryIO, name: str) -> bytes:
    """Return all that the file holds, which may be a pipe or a device without end."""
    most = psutil.virtual_memory().available // BYTES_PER_CHARACTER
    content = file.read(most + 1)
    if len(content) > most:
        raise Unavailable(f"{name}: not enough memory for more than {most:,} bytes of text")
    return content
