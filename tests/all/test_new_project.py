"""A project of `charloom new` as its README uses it: its own environment, experiments, MLflow, and its workflow."""

import json
import os
import re
import subprocess
import sys
import sysconfig

import numpy as np
import pytest
from new_projects import made, working_folder
from projects import NAMED, ROOT, copied
from runners import STAND_IN, act, needs_act
from stores import free_port

PACKAGES = ("seedpairs", "dvc-proof", "rnncheck")
# In a process of its own: the model's code has modules with the names of our stages.
SERVES = """
import sys, mlflow
served = mlflow.pyfunc.load_model(sys.argv[1])
example = served.input_example
print(served.metadata.signature.inputs.is_tensor_spec(), example.shape, len(served.predict(example)))
"""


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A small project with committed results."""
    with pytest.MonkeyPatch.context() as patch:
        project = made(working_folder(tmp_path_factory.mktemp("new"), patch) / "new")
        project.run("dvc", "repro")
        project.commit("First results")
    return project


@pytest.fixture
def project(first, tmp_path, monkeypatch):
    """A copy of the small project, with an MLflow store still to be made."""
    working_folder(tmp_path, monkeypatch)
    return copied(first, tmp_path / "new")


def test_it_reproduces_in_an_environment_without_charloom(tmp_path, monkeypatch):
    """The environment has the wheels of the three packages, and the other libraries of ours."""
    working_folder(tmp_path, monkeypatch)
    project, environment = made(tmp_path / "new"), tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    for package in PACKAGES:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "wheels"]
        subprocess.run(command, cwd=ROOT / "packages" / package, check=True, capture_output=True)
    install = ["uv", "pip", "install", "-q", "--no-deps", "--offline", "--python", environment]
    subprocess.run([*install, *(tmp_path / "wheels").glob("*.whl")], check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib"))  # its own path files are not read
    path = {"PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    project.run("python", "-c", "import charloom", expect=1, **path)
    assert "gradients  right" in project.run("python", "-m", "dvc", "repro", **path)
    project.commit("First results")
    assert project.run("git", "status", "--short") == ""
    assert " passed" in project.run("python", "-m", "pytest", **path)
    verified = project.run("dvc-proof", "verify", "--twice", **path)
    assert "same  train: models/last.npz\n" in verified
    assert "eta=0.2" in project.run("python", "src/study.py", "eta=0.1,0.2", "--seeds", "2", **path)


def test_one_change_is_an_experiment_and_a_run_in_mlflow(project):
    project.run("dvc", "exp", "run", "-n", "faster", "-S", "eta=0.5")
    assert re.search(r"eta +0.1 +0.5", project.run("dvc", "params", "diff"))
    assert re.search(r"held_out_bits +[0-9.]+ +[0-9.]+ +-?[0-9.]+", project.run("dvc", "metrics", "diff"))
    assert "index.html" in project.run("dvc", "plots", "diff")
    (new,) = project.runs()
    assert (new.info.run_name, new.data.params["eta"]) == ("faster", "0.5")
    bits = json.loads((project.folder / "metrics/held_out.json").read_text())["held_out_bits"]
    assert new.data.metrics["held_out_bits"] == pytest.approx(bits)
    client = project.client()
    curve = [(point.step, point.value) for point in client.get_metric_history(new.info.run_id, "smooth_loss")]
    table = np.loadtxt(project.folder / "plots/smooth_loss.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(curve, table)
    assert [file.path for file in client.list_artifacts(new.info.run_id)] == ["smooth_loss.png"]
    (used,) = new.inputs.dataset_inputs
    assert (used.dataset.name, len(used.dataset.digest)) == ("moby_dick", 32)
    (model,) = client.search_logged_models(
        [new.info.experiment_id], filter_string=f"source_run_id = '{new.info.run_id}'"
    )
    assert project.run("python", "-c", SERVES, model.artifact_location).splitlines()[-1] == "True (25,) 20"


def test_an_experiment_in_a_folder_of_its_own_has_its_run_in_the_projects_store(project):
    project.run("dvc", "exp", "run", "--temp", "-n", "apart", "-S", "eta=0.5")
    assert [run.info.run_name for run in project.runs()] == ["apart"]
    assert len([*(project.folder / "mlartifacts").rglob("smooth_loss.png")]) == 1


def test_a_missing_store_does_not_fail_a_stage(project):
    address = f"http://127.0.0.1:{free_port()}"
    assert "\nnot in MLflow: " in project.run("dvc", "repro", "--force", "-s", "plot", MLFLOW_TRACKING_URI=address)
    assert project.run("git", "status", "--short") == ""


def test_a_wrong_gradient_stops_before_training(project):
    project.edit("src/model.py", "d.T @ states[:-1]", "d[1:].T @ states[1:-1]")
    says = project.run("dvc", "repro", expect=255)
    assert "The state before t = 0 in the gradient of W is 0" in says
    assert "Running stage 'train'" not in says


@needs_act
def test_its_workflow_passes_and_fails_after_a_metric_was_edited(project, tmp_path):
    """Its `pip install` is a stand-in: the packages are here."""
    project.run("git", "branch", "-M", "main")
    project.run("git", "remote", "add", "origin", "https://github.com/them/theirs.git")
    for folder, result in (("right", "success"), ("edited", "failure")):
        (tmp_path / folder / "bin").mkdir(parents=True)
        (tmp_path / folder / "bin/pip").symlink_to(STAND_IN)
        ran = act(project, tmp_path / folder, "reproduce.yml", "push", {"ref": "refs/heads/main"})
        assert ran.jobs == {"reproduce": result}, ran.printed
        assert " passed" in ran.printed
        metrics = project.folder / "metrics/held_out.json"
        metrics.write_text(re.sub(r": (\d)", lambda digit: f": {int(digit[1]) - 1}", metrics.read_text()))
        project.run("git", *NAMED, "commit", "-qam", "better")
    assert re.search(r"metrics/held_out.json: held_out_bits: committed .*, rebuilt ", ran.printed)
