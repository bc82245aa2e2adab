"""A model as MLflow keeps it: a folder of code and arrays, without a pickle. See served.py."""

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
from mlflow.utils import environment

from charloom.results.spool import MODEL_CODE, Tracked
from charloom.sampling.options import DEFAULTS
from charloom.tracking import served

# A third of a second for what is known: the requirements are this environment's own versions.
environment.warn_dependency_requirement_mismatches = lambda _: None  # type: ignore[attr-defined,assignment]

FILE = "model.npz"
SERVED = Path(str(served.__file__))
OUR_CODE = SERVED.read_bytes()  # now: an experiment's folder may vanish
# "Any", not "string": MLflow's server would make a text of a number and of nothing; served.py refuses them.
SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec(AnyType(), "prime")]),  # type: ignore[no-untyped-call]  # MLflow's own
    outputs=Schema([ColSpec("string")]),
    params=ParamSchema([ParamSpec(n, "double" if isinstance(v, float) else "long", v) for n, v in DEFAULTS.items()]),
)
DERIVED = ("conda.yaml", "serving_input_example.json")  # from python_env.yaml and input_example.json: not sent
Filled = Callable[[str, str | None], Path]


@contextmanager
def model_folder(files: Path, tracked: Tracked, run_id: str) -> Iterator[Filled]:
    """Give a function that fills a temporary folder with a model of the run, by name and LoggedModel, and returns it.

    files  the entry's files in the spool

    MLflow executes the model's code to save it. So it is given ours; the run's own, which may be another experiment's,
    takes its place afterwards. Models of one run differ in their arrays and their ids alone: MLflow saves the first.
    """
    about = Model(run_id=run_id)
    with tempfile.TemporaryDirectory() as temporary:
        folder, code, array = (Path(temporary) / name for name in ("model", SERVED.name, FILE))

        def filled(name: str, model_id: str | None) -> Path:
            copy(files / tracked.models[name].file, array)
            about.model_id, about.model_uuid = model_id, uuid4().hex
            if not folder.exists():
                code.write_bytes(OUR_CODE)
                save_model(
                    folder,
                    python_model=str(code),  # MLflow notes from where it has it
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

        yield filled
