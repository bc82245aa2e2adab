"""The model in MLflow: inputs, such as ids of characters, in; what the program writes after them out."""

from common import functions, seeded  # isort: skip  first: NumPy then reads its variables

import mlflow
import numpy as np

from evaluate import weights_of


class Served(mlflow.pyfunc.PythonModel):
    """Answers with the program's function `write`."""

    def predict(self, context, model_input):
        """Return the written characters."""
        model, config = dict(np.load(context.artifacts["model"])), context.model_config
        write = functions(config, set(config), "write").write
        ids = write(weights_of(model), model["state"], np.asarray(model_input), seeded(config["seed"]))
        return model["vocabulary"][ids]


mlflow.models.set_model(Served())
