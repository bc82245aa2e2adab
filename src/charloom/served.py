"""A model as MLflow serves it: this file is its code; the library's sources and the model's file lie beside it.

In go primes and the numbers of a request, out come the primes with what the model writes after each.
"""

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class Writer(PythonModel):
    """Writes after primes."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the model, and write: what has to be compiled is compiled before somebody waits for it."""
        # Not above: MLflow executes this file also to save a model, which needs no compiler.
        from charloom.checkpoint import read_model  # noqa: PLC0415

        self.model = read_model(Path(context.artifacts["model"]))
        some = self.model.vocabulary.characters[0]
        self._answer([some], {"length": 1, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "seed": 1})

    def predict(  # type: ignore[override]  # MLflow lets the context be left out
        self, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> list[str]:
        """Return the texts. A wrong prime or number is MLflow's INVALID_PARAMETER_VALUE, over HTTP a 400."""
        from charloom.errors import WrongInput  # noqa: PLC0415

        cells = model_input["prime"].tolist()  # over HTTP a list of primes may come as one cell
        primes = [prime for cell in cells for prime in (cell if isinstance(cell, list) else [cell])]
        try:
            return self._answer(primes, params or {})
        except WrongInput as error:
            raise MlflowException.invalid_parameter_value(str(error)) from None

    def _answer(self, primes: list[str], numbers: dict[str, Any]) -> list[str]:
        from charloom.request import answer  # noqa: PLC0415

        return answer(self.model, primes, numbers)


set_model(Writer())
