"""Models in a real MLflow store: once each, ranked across runs, from code, and back to a file."""

import json
import subprocess
import sys

import pytest
from conftest import said
from test_tracking import history

from charloom.base.storage import read_json
from charloom.results.records import Train

MEASURE = "held_out_bits_per_character"
LOAD = """
import sys, json, mlflow, pandas as pd
import mlflow.pyfunc
model = mlflow.pyfunc.load_model(sys.argv[1])
primes = pd.DataFrame({"prime": json.loads(sys.argv[2])})
print(json.dumps(model.predict(primes, params=json.loads(sys.argv[3]))))
import charloom
print(charloom.__file__)
"""


def loaded(project, uri: str, primes: list[str], store: str = "", **params) -> tuple[list[str], str]:
    """Return what the model writes in a process of its own, and whose charloom wrote it."""
    store = {"MLFLOW_TRACKING_URI": store or f"sqlite:///{project.folder}/mlflow.db"}
    done = subprocess.run(
        [sys.executable, "-W", "error::FutureWarning", "-c", LOAD, uri, json.dumps(primes), json.dumps(params)],
        cwd="/", env=project.environment() | store, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    written, where = done.stdout.splitlines()
    return json.loads(written), where


def logged(project, store: str = "", **search):
    client = project.client(store)
    experiments = [each.experiment_id for each in client.search_experiments()]
    return client.search_logged_models(experiments, **search)


def versions(project):
    return sorted(project.client().search_model_versions(""), key=lambda each: int(each.version))


def test_a_run_has_two_models_with_steps_and_metrics_of_the_dataset_and_the_best_is_registered(finished):
    (run,) = finished.runs()
    train = read_json(finished.folder / "metrics/train.json", Train)
    models = {each.name: each for each in logged(finished)}
    assert set(models) == {"best", "last"}
    steps = {each.model_id: each.step for each in run.outputs.model_outputs}
    (read,) = run.inputs.dataset_inputs
    for name, step, bits, loss in (
        ("best", train.best_update, train.best_held_out_bits_per_character, train.best_smooth_loss),
        ("last", train.updates, train.held_out_bits_per_character, train.smooth_loss),
    ):
        model = models[name]
        assert (model.status, model.source_run_id) == ("READY", run.info.run_id)
        assert steps[model.model_id] == step
        metrics = {each.key: each for each in model.metrics}
        assert (metrics[MEASURE].step, metrics[MEASURE].value) == (step, bits)
        assert metrics[f"{name}_smooth_loss"].value == loss
        assert {(each.dataset_name, each.dataset_digest) for each in model.metrics} == {
            (read.dataset.name, read.dataset.digest)
        }
    (version,) = versions(finished)
    assert (version.name, version.run_id) == ("charloom-fox", run.info.run_id)
    assert finished.client().get_model_version_by_alias("charloom-fox", "best").version == version.version
    assert history(finished.client(), run, MEASURE) == {
        train.best_update: train.best_held_out_bits_per_character,
        train.updates: train.held_out_bits_per_character,
    }


def test_a_model_is_code_without_a_pickle_and_brings_its_own(finished):
    for model in logged(finished):
        folder = finished.folder / "mlartifacts/models" / model.model_id / "artifacts"
        names = {file.name for file in folder.rglob("*") if file.is_file()}
        assert {"MLmodel", "served.py", "model.npz", "requirements.txt", "input_example.json"} <= names
        assert {"drawing.py", "kernel.py"} <= names
        assert not names & {"tracking.py", "cli.py", "training.py"}
        assert not [name for name in names if name.endswith((".pkl", ".pickle", ".joblib"))]
        about = (folder / "MLmodel").read_text()
        assert str(finished.folder) not in about
        assert "pkl" not in about
        assert (folder / "artifacts/model.npz").read_bytes() == (
            finished.folder / f"models/{model.name}.npz"
        ).read_bytes()
        example = json.loads((folder / "serving_input_example.json").read_text())
        (prime,) = example["dataframe_split"]["data"][0]
        assert loaded(finished, str(folder), [prime], **example["params"])[0][0].startswith(prime)


def test_a_model_writes_the_same_from_mlflow_and_from_the_file(finished):
    for name in ("best", "last"):
        (model,) = logged(finished, filter_string=f"name = '{name}'")
        options = ("--prime", "fox", "--temperature", "0.7", "--top-k", "9", "--top-p", "0.9", "--seed", "4")
        from_file, _ = said(finished, "sample", "--model", f"models/{name}.npz", "--length", "300", *options)
        assert (
            from_file
            == said(finished, "sample", "--model", f"models:/{model.model_id}", "--length", "300", *options)[0]
        )
        params = {"length": 300, "temperature": 0.7, "top_k": 9, "top_p": 0.9, "seed": 4}
        (first, _), where = loaded(finished, f"models:/{model.model_id}", ["fox", "fox"], **params)
        assert first + "\n" == from_file
        assert f"{model.model_id}/artifacts/code/charloom" in where
    for address in ("models:/charloom-fox@best", "models:/charloom-fox/1"):
        assert said(finished, "sample", "--model", address)[0] == said(finished, "sample")[0]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("models:/charloom-fox@worst", "alias worst not found"),
        ("models:/charloom-fox/99", "version=99"),
        ("models:/nobody@best", "not found"),
        ("models:/m-00000000000000000000000000000000", "not found"),
        ("models:/charloom-fox/latest", "is not allowed: models:/NAME@ALIAS, models:/NAME/VERSION or models:/m-ID"),
    ],
)
def test_a_model_that_is_not_there_is_a_line(finished, address, words):
    printed, error = said(finished, "sample", "--model", address, code=2)
    assert (printed, error.count("\n")) == ("", 1)
    assert error.startswith(f"--model: {address}")
    assert words in error


def test_a_model_that_is_not_ours_and_one_that_is_damaged_are_told_apart(project):
    project.run("python", "src/track.py")
    (model,) = logged(project, filter_string="name = 'last'")
    address = f"models:/{model.model_id}"
    file = project.folder / "mlartifacts/models" / model.model_id / "artifacts/artifacts/model.npz"
    file.write_bytes(file.read_bytes()[:-30])
    _, error = said(project, "sample", "--model", address, code=3)
    assert error.startswith(f"{address}: not a model that charloom wrote: ")
    file.unlink()
    _, error = said(project, "sample", "--model", address, code=2)
    assert error == f"--model: {address}: it has no artifacts/model.npz: charloom has not logged it\n"
    (project.folder / "mlflow.db").unlink()
    _, error = said(project, "sample", "--model", address, code=2)
    assert "there is no MLflow store yet" in error
    assert not (project.folder / "mlflow.db").exists()


def test_a_store_that_is_away_is_a_line(finished):
    printed = finished.run(
        "charloom", "sample", "--model", "models:/x@best", expect=5, MLFLOW_TRACKING_URI="http://127.0.0.1:9"
    )
    assert printed.startswith("MLflow: ")
    assert printed.count("\n") == 1


def test_models_are_ranked_across_runs_and_the_alias_names_the_best_of_this_text_alone(project):
    project.run("python", "src/track.py")
    project.run("dvc", "exp", "run", "-S", "seed=2")
    project.run("dvc", "exp", "run", "-S", "train.initial_accumulator_value=10", "-S", "train.updates=40")
    ranked = logged(
        project,
        filter_string=f"metrics.{MEASURE} < 9 AND name = 'best'",
        order_by=[{"field_name": f"metrics.{MEASURE}", "ascending": True, "dataset_name": "fox"}],
    )
    bits = [next(each.value for each in model.metrics if each.key == MEASURE) for model in ranked]
    assert len(bits) == 3
    assert bits == sorted(bits)
    assert len(versions(project)) == 3
    best = project.client().get_model_version_by_alias("charloom-fox", "best")
    assert best.source == f"models:/{ranked[0].model_id}"
    # Another held-out part is another measure, however small.
    project.run("dvc", "exp", "run", "-S", "prepare.held_out=0.5")
    newest = versions(project)[-1]
    assert project.client().get_model_version_by_alias("charloom-fox", "best").version == newest.version
    # Without one the smooth loss counts, and that depends on how long a sequence is.
    project.run("dvc", "exp", "run", "-S", "prepare.held_out=0.0")
    tags = versions(project)[-1].tags
    assert tags["charloom.comparable"].startswith("best_smooth_loss seq_length=10 held_out=0.0 ")
    assert float(tags["charloom.measure"]) == read_json(project.folder / "metrics/train.json", Train).best_smooth_loss


def test_tracking_again_doubles_nothing_and_completes_what_a_killed_process_began(project):
    store = f"sqlite:///{project.folder}/other.db"
    project.run("python", "src/track.py", MLFLOW_TRACKING_URI=store)
    (run,) = project.runs(store)
    client = project.client(store)
    begun = client.create_logged_model(run.info.experiment_id, "best")  # of no run: somebody else's
    for model in logged(project, store):
        if model.model_id != begun.model_id and model.name == "last":
            client.delete_logged_model(model.model_id)
    unfinished = client.create_logged_model(run.info.experiment_id, "last", run.info.run_id)
    client.delete_tag(run.info.run_id, "charloom.results")  # the last thing that is written
    for _ in range(2):
        project.run("python", "src/track.py", MLFLOW_TRACKING_URI=store)
    models = [model for model in logged(project, store) if model.source_run_id == run.info.run_id]
    assert sorted(model.name for model in models) == ["best", "last"]
    assert {model.status for model in models} == {"READY"}
    last = next(model for model in models if model.name == "last")
    assert last.model_id == unfinished.model_id
    written = loaded(project, f"models:/{last.model_id}", ["fox"], length=20, store=store)[0]
    assert (
        written[0] + "\n"
        == said(project, "sample", "--model", "models/last.npz", "--prime", "fox", "--length", "20")[0]
    )
    assert len(client.search_model_versions("")) == 1
