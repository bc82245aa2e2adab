"""What a command reads: a model, from a file or from MLflow, and a text."""

import sys
import tempfile
from importlib import import_module
from pathlib import Path

from charloom.checkpoint import Model, read_model
from charloom.corpus import BYTES_PER_CHARACTER, decoded
from charloom.errors import WrongInput
from charloom.pipeline import files
from charloom.room import check_memory


def model_at(place: str | None) -> Model:
    """Return the model of an npz file or of an address in MLflow, `models:/…`; by default the pipeline's best.

    Raises WrongInput where there is none, Damaged where it is something else, Unavailable where MLflow is away.
    """
    if place is None:
        return read_model(files("sample")["models/best"])
    if not place.startswith("models:/"):
        return read_model(Path(place))
    with tempfile.TemporaryDirectory() as folder:  # MLflow takes a second to import: only where it is asked for
        fetched: Path = import_module("charloom.registry").fetch(place, Path(folder))
        return read_model(fetched)


def text_at(place: str) -> tuple[str, str]:
    """Return a name for the place and its text: a file's, or standard input's for `-`. Raises WrongInput."""
    if place == "-":
        return "standard input", decoded(sys.stdin.buffer.read() if sys.stdin else b"", "standard input")
    try:
        check_memory(BYTES_PER_CHARACTER * Path(place).stat().st_size, place)
        return place, decoded(Path(place).read_bytes(), place)
    except OSError as error:
        raise WrongInput(f"{place}: {error.strerror}; allowed is a text in UTF-8, or - for standard input") from None
