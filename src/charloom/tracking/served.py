"""A model as MLflow serves it: this file is its code; the library's sources, packed, and the model lie beside it.

In go primes and the numbers of a request, out come the primes with what the model writes after each.
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
if PACKED.exists():  # else MLflow is saving it, in a process that has the sources
    SOURCES = TemporaryDirectory()  # as long as this process lives: Numba's cache reads files, not archives
    unpack_archive(PACKED, SOURCES.name)
    sys.path.insert(0, SOURCES.name)

from charloom.base.errors import WrongInput  # noqa: E402  see above
from charloom.model.model_file import read_model  # noqa: E402  likewise
from charloom.sampling.options import DEFAULTS  # noqa: E402  likewise


class Writer(PythonModel):
    """Writes after primes."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the model, and write: what has to be compiled is compiled before somebody waits for it."""
        from charloom.sampling.request import answer  # noqa: PLC0415  MLflow executes this file to save, too, which needs no compiler

        self.model, self.answer = read_model(Path(context.artifacts["model"])), answer
        answer(self.model, [self.model.vocabulary.characters[0]], DEFAULTS)

    # MLflow lets the context be left out of the arguments.
    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> list[str]:  # type: ignore[override]
        """Return the texts. A wrong prime or number is MLflow's INVALID_PARAMETER_VALUE, over HTTP a 400."""
        cells = model_input["prime"].tolist()  # over HTTP a list of primes may come as one cell
        primes = [prime for cell in cells for prime in (cell if isinstance(cell, list) else [cell])]
        try:
            return self.answer(self.model, primes, params or {})
        except WrongInput as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None


set_model(Writer())
