"""Write a model in MLflow's format: a folder with code and arrays, without a pickle. See served.py."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copy
from uuid import uuid4

import pandas as pd
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import save_model
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType

from charloom.results.spool import MODEL_CODE, Tracked
from charloom.sampling.options import DEFAULTS
from charloom.tracking import served

FILE = "model.npz"
SERVED = Path(str(served.__file__))
OUR_CODE = SERVED.read_bytes()  # read at import, because DVC may remove an experiment's folder
# "Any", not "string": MLflow's server would convert numbers and null to text. served.py refuses them.
SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec(AnyType(), "prime")]),  # type: ignore[no-untyped-call]  # MLflow's own
    outputs=Schema([ColSpec("string")]),
    params=ParamSchema([ParamSpec(n, "double" if isinstance(v, float) else "long", v) for n, v in DEFAULTS.items()]),
)
DERIVED = ("conda.yaml", "serving_input_example.json")  # redundant: not sent
Fill = Callable[[str, str | None], Path]


@contextmanager
def model_folder(files: Path, tracked: Tracked, run_id: str) -> Iterator[Fill]:
    """Yield `fill(name, model_id)`, which writes a model of the run to a temporary folder and returns the folder.

    The folder is the same at each call, so a caller uploads it before the next call.

    files    folder with the entry's files in the spool
    tracked  what `track` has recorded about these files
    name     key of `tracked.models`
    model_id  id of the LoggedModel; None if the model is an artifact of the run

    MLflow executes the model's code when it saves a model. Therefore MLflow gets our own code, and the code from the
    entry, which may be of another version, replaces it afterwards. The models of one run differ only in arrays and ids,
    so MLflow saves the first model, and later calls replace arrays and ids.
    """
    about = Model(run_id=run_id)
    with tempfile.TemporaryDirectory() as temporary:
        folder, code, array = (Path(temporary) / name for name in ("model", SERVED.name, FILE))

        def fill(name: str, model_id: str | None) -> Path:
            copy(files / tracked.models[name].file, array)
            about.model_id, about.model_uuid = model_id, uuid4().hex
            if not folder.exists():
                code.write_bytes(OUR_CODE)
                save_model(
                    folder,
                    python_model=str(code),  # MLflow records the file name
                    artifacts={"model": str(array)},
                    code_paths=[str(path) for path in (files / MODEL_CODE).iterdir() if path.name != code.name],
                    signature=SIGNATURE,
                    input_example=(pd.DataFrame({"prime": [tracked.prime]}), DEFAULTS),
                    pip_requirements=tracked.requirements,
                    mlflow_model=about,
                )
                copy(files / MODEL_CODE / code.name, folder)
                for path in DERIVED:
                    (folder / path).unlink()
                about.flavors["python_function"]["env"].pop("conda")
                (about.saved_input_example_info or {}).pop("serving_input_path")
            copy(array, folder / "artifacts")
            about.save(str(folder / "MLmodel"))
            return folder

        yield fill
