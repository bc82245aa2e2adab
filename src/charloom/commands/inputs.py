"""Inputs of the commands: a model from a file or from MLflow, and a text from a file or standard input."""

import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

import psutil

from charloom.core.backend.by_numpy import forward_digest
from charloom.core.base.errors import Damaged, Unavailable, WrongInput
from charloom.core.config.pipeline import files
from charloom.core.model.model_file import Model, read_model
from charloom.core.network.recipe import NUMPY
from charloom.core.runtime.memory import check_memory
from charloom.core.text.corpus import decoded

IN_MLFLOW = ("models:/", "runs:/")  # the beginnings of an address in MLflow
COPIES = 5  # memory for reading and checking a model, as a multiple of its file's size
BYTES_PER_CHARACTER = 100  # bytes of memory for each character of a text while it is scored


def model_at(address: str | None) -> Model:
    """Return the model at the address (see `_model_at`); warn if network/ here differs from the model's."""
    model = _model_at(address)
    if model.backend == NUMPY and model.network != forward_digest(model.theta.flat.dtype.name):
        sys.stderr.write(
            "warning: this model was trained with another network/, or on a machine that rounds differently; "
            "network/ of this folder uses the model's weights\n"
        )
    return model


def _model_at(address: str | None) -> Model:
    """Return the model in an npz file, or in MLflow if the address begins with one of IN_MLFLOW.

    For None, return the pipeline's best model. Raises WrongInput if the model does not exist, Damaged if the file is
    no model, and Unavailable if MLflow does not answer or the memory is too small.
    """
    if address is None:
        return read_model(files("sample")["models/best"])
    if not address.startswith(IN_MLFLOW):
        path = Path(address)
        if path.is_file():
            check_memory(COPIES * path.stat().st_size, f"{address}, read as a model,")
        return read_model(path)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.npz"
        from charloom.tracking.queries import fetch  # noqa: PLC0415  MLflow's import takes seconds

        fetch(address, file)
        check_memory(COPIES * file.stat().st_size, f"{address}, read as a model,")
        try:
            return read_model(file)
        except Damaged as error:
            raise Damaged(str(error).replace(str(file), address).partition(";")[0]) from None


def text_at(source: str) -> str:
    """Return the text of a file, or of standard input if `source` is `-`.

    Raises WrongInput if the file cannot be read or is no UTF-8, and Unavailable if the text needs more memory than is
    available, such as that of /dev/zero.
    """
    most = left = psutil.virtual_memory().available // BYTES_PER_CHARACTER
    name, pieces = source_name(source), list[str]()
    with _opened(source) as file:
        for text in decoded(file, name):
            left -= len(text)
            if left < 0:
                why = f"not enough memory for more than {most:,} characters of text"
                raise Unavailable(f"{name}: {why}; give a shorter text")
            pieces.append(text)
    return "".join(pieces)


@contextmanager
def _opened(source: str) -> Iterator[BinaryIO]:
    """Yield the open file, or standard input if `source` is `-`. Raises WrongInput if the file cannot be read."""
    standard = sys.stdin.buffer if sys.stdin else io.BytesIO()
    try:
        with nullcontext(standard) if source == "-" else Path(source).open("rb") as file:
            yield file
    except OSError as error:
        allowed = "allowed is a text in UTF-8, or - for standard input"
        raise WrongInput(f"{source_name(source)}: {error.strerror}; {allowed}") from None


def source_name(source: str) -> str:
    """Return a text's source as messages name it: `standard input` for `-`, `''` for an empty path, else the path."""
    return "standard input" if source == "-" else source or "''"
