"""Models in a real MLflow store: once each, with their code, and back to a file."""

import json
from contextlib import chdir
from zipfile import ZipFile

import mlflow.pyfunc
import pandas as pd
import pytest
from mlflow_project import column, history, logged_models, tracked, versions
from projects import said, source

from charloom import NEEDED
from charloom.core.base.errors import WrongInput
from charloom.core.base.storage import read_json
from charloom.core.config.records import TrainMetrics
from charloom.core.kernel import drawing, passes
from charloom.tracking import served
from charloom.tracking.queries import fetch

BEST, LAST = "lowest_smooth_loss", "last"
FILES = {BEST: "best", LAST: "last"}  # of the LoggedModels, by their names
VERSIONS = "mlflow.modelVersions"  # from which the page of a model tells whether it is registered
MEASURE = "held_out_bits_per_character"


def file_of(project, model):
    """Return the file in models/ that a LoggedModel was made from."""
    name = FILES.get(model.name) or model.name.replace("checkpoint_", "checkpoints/")
    return project.folder / f"models/{name}.npz"


def test_a_run_logs_all_checkpoints_as_models_and_registers_the_best(finished):
    (run,) = finished.runs()
    train = read_json(finished.folder / "metrics/train.json", TrainMetrics)
    part = "held_out_part_bits_per_character"
    losses, parts = column(finished, "smooth_loss"), column(finished, part, "plots/held_out.csv")
    updates = {file.stem: int(file.stem) for file in (finished.folder / "models/checkpoints").iterdir()}
    expected = {
        f"checkpoint_{stem}": (at, {"smooth_loss": losses[at], part: parts[at]})
        for stem, at in updates.items()
        if at < train.updates
    }
    best, last = train.best_held_out_bits_per_character, train.held_out_bits_per_character
    expected |= {
        BEST: (train.best_update, {MEASURE: best, "smooth_loss": train.best_smooth_loss}),
        LAST: (train.updates, {MEASURE: last, "smooth_loss": train.smooth_loss}),
    }
    steps = {each.model_id: each.step for each in run.outputs.model_outputs}
    models = {each.name: each for each in logged_models(finished)}
    assert models.keys() == expected.keys()
    for name, (update, metrics) in expected.items():
        model = models[name]
        assert (model.status, model.source_run_id, steps[model.model_id]) == ("READY", run.info.run_id, update)
        assert metrics.items() <= {each.key: each.value for each in model.metrics}.items()
        assert {each.step for each in model.metrics} == {update}
    (version,) = versions(finished)
    assert (version.name, version.run_id) == ("charloom-fox", run.info.run_id)
    assert finished.client().get_model_version_by_alias("charloom-fox", "best").version == version.version
    registered = {model.name: json.loads(shown) for model in models.values() if (shown := model.tags.get(VERSIONS))}
    better = BEST if best <= last else LAST
    assert registered == {better: [{"name": "charloom-fox", "version": int(version.version)}]}
    created = sorted(models.values(), key=lambda model: model.creation_timestamp)
    assert [steps[model.model_id] for model in created] == sorted(steps.values())
    assert history(finished.client(), run, MEASURE) == {train.best_update: best, train.updates: last}


def test_a_logged_model_has_its_code_and_requirements_and_no_pickle(finished):
    for model in logged_models(finished):
        folder = finished.folder / "mlartifacts/models" / model.model_id / "artifacts"
        files = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
        assert {"MLmodel", "served.py", "requirements.txt", "artifacts/model.npz"} <= files
        packed = set(ZipFile(folder / "code/charloom.zip").namelist())
        assert {source(module).removeprefix("src/") for module in (drawing, passes)} <= packed
        rooms = {file.split("/")[1] for file in packed if file.count("/") > 1}
        assert not rooms & {"tracking", "commands", "training", "pages", "checking", "proof"}
        assert not [name for name in files if name.endswith((".pkl", ".pickle", ".joblib"))]
        about = (folder / "MLmodel").read_text()
        assert str(finished.folder) not in about
        assert "pkl" not in about
        assert (folder / "served.py").read_bytes() == (finished.folder / source(served)).read_bytes()
        assert (folder / "artifacts/model.npz").read_bytes() == file_of(finished, model).read_bytes()
        required = {line.partition("==")[0] for line in (folder / "requirements.txt").read_text().splitlines()}
        assert required == {"mlflow", "pandas", *NEEDED}


@pytest.mark.slow
def test_a_model_writes_the_same_from_mlflow_and_from_the_file(finished, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)  # at the end, sys.path is as before: MLflow adds the code of a model
    store = f"sqlite:///{finished.folder}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    mlflow.set_tracking_uri(store)
    for shown, name in FILES.items():
        (model,) = logged_models(finished, filter_string=f"name = '{shown}'")
        options = ("--prime", "fox", "--temperature", "0.7", "--top-k", "9", "--top-p", "0.9", "--seed", "4")
        address = f"models:/{model.model_id}"
        fetch(address, tmp_path / "model.npz")
        assert (tmp_path / "model.npz").read_bytes() == (finished.folder / f"models/{name}.npz").read_bytes()
        from_file, _ = said(finished, "sample", "--model", f"models/{name}.npz", "--length", "300", *options)
        params = {"length": 300, "temperature": 0.7, "top_k": 9, "top_p": 0.9, "seed": 4}
        served = mlflow.pyfunc.load_model(address)
        first, _ = served.predict(pd.DataFrame({"prime": ["fox", "fox"]}), params=params)
        assert first + "\n" == from_file
        example = served.input_example
        assert served.predict(example)[0].startswith(example["prime"][0])
    train = read_json(finished.folder / "metrics/train.json", TrainMetrics)
    better = "last" if train.held_out_bits_per_character < train.best_held_out_bits_per_character else "best"
    for address in ("models:/charloom-fox@best", "models:/charloom-fox/1", "models:/charloom-fox/latest"):
        fetch(address, tmp_path / "model.npz")
        assert (tmp_path / "model.npz").read_bytes() == (finished.folder / f"models/{better}.npz").read_bytes()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("models:/charloom-fox@worst", "alias worst not found"),
        ("models:/charloom-fox/99", "version=99"),
        ("models:/m-00000000000000000000000000000000", "not found"),
        ("models:/charloom-fox/best", "charloom-fox"),
        ("models:/", "models:/"),
    ],
)
def test_a_model_that_is_not_there_is_a_line(finished, address, words, tmp_path):
    with chdir(finished.folder), pytest.raises(WrongInput) as raised:
        fetch(address, tmp_path / "model.npz")
    error = str(raised.value)
    assert "\n" not in error
    assert error.startswith(f"--model: {address}")
    assert words in error


@pytest.mark.slow
def test_a_model_that_is_not_ours_and_one_that_is_damaged_are_told_apart(project):
    tracked(project)
    (model,) = logged_models(project, filter_string="name = 'last'")
    address = f"models:/{model.model_id}"
    file = project.folder / "mlartifacts/models" / model.model_id / "artifacts/artifacts/model.npz"
    file.write_bytes(file.read_bytes()[:-30])
    _, error = said(project, "sample", "--model", address, code=3)
    assert error.startswith(f"{address}: not a model that charloom wrote: ")
    file.unlink()
    _, error = said(project, "sample", "--model", address, code=2)
    assert error.startswith(f"--model: {address}: No such artifact: 'artifacts/model.npz'")
    (project.folder / "mlflow.db").unlink()
    assert "mlflow.db does not exist" in said(project, "sample", "--model", address, code=2)[1]
    assert not (project.folder / "mlflow.db").exists()
