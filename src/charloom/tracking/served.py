"""The code of a model that MLflow serves. The library's zipped sources and the model are in the same folder.

The input is a list of primes (texts to continue) and the request's params: length, temperature, top_k, top_p and seed.
The output is each prime with its continuation.
"""

import sys
from pathlib import Path
from shutil import unpack_archive
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

PACKED = Path(__file__).with_name("code") / "charloom.zip"
if PACKED.exists():  # missing while MLflow saves the model, in a process that has the sources
    SOURCES = TemporaryDirectory()  # removed when this process exits; Numba's cache reads files, not archives
    unpack_archive(PACKED, SOURCES.name)
    sys.path.insert(0, SOURCES.name)

from charloom.core.base.errors import WrongInput  # noqa: E402  from the unpacked sources
from charloom.core.model.model_file import read_model  # noqa: E402
from charloom.sampling.options import DEFAULTS  # noqa: E402


class Writer(PythonModel):
    """A model that continues given beginnings of a text ('primes'), in the form that MLflow's servers call."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the model, and sample once to compile the kernel before the first request."""
        from charloom.sampling.request import continue_primes  # noqa: PLC0415  MLflow also executes this file to save it, which needs no compiler

        self.model, self.answer = read_model(Path(context.artifacts["model"])), continue_primes
        continue_primes(self.model, [self.model.vocabulary.characters[0]], DEFAULTS)

    # MLflow permits a signature without the context.
    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> list[str]:  # type: ignore[override]
        """Return each prime with its continuation.

        model_input  a column `prime`, whose cells are primes or lists of primes

        Raises MlflowException with the code INVALID_PARAMETER_VALUE (HTTP status 400) if a prime or param is invalid.
        """
        cells = model_input["prime"].tolist()  # over HTTP, one cell may contain a list of primes
        primes = [prime for cell in cells for prime in (cell if isinstance(cell, list) else [cell])]
        try:
            return self.answer(self.model, primes, params or {})
        except WrongInput as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None


set_model(Writer())
