"""A project of `charloom new` as its README uses it: DVC's experiments, kills, MLflow's store, a rebuild, a wheel."""

import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import psutil
import pytest
from layouts import CLASS, FUNCTIONS, written
from new_projects import made, working_folder
from projects import NAMED, ROOT, Project, started, until
from stores import free_port

from charloom import commands


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with a text."""
    return working_folder(tmp_path, monkeypatch)


@pytest.fixture
def project(place):
    """A project whose map is a guess, after the two commands of its README."""
    program = written(place / "mine", CLASS)
    program.with_name("map.py").unlink()
    project = made(place / "new", "--program", program)
    project.run("dvc", "repro")
    project.commit("First results")
    assert "gradients" in (project.folder / "programs/my_rnn_map.py").read_text()
    return project


def test_one_change_is_an_experiment_with_its_difference_and_a_run_in_mlflow(project):
    project.run("dvc", "exp", "run", "-n", "faster", "-S", "eta=0.5")
    assert re.search(r"eta +0.1 +0.5", project.run("dvc", "params", "diff"))
    difference = project.run("dvc", "metrics", "diff")
    assert re.search(r"held_out_bits_per_character +[0-9.]+ +[0-9.]+ +-?[0-9.]+", difference)
    assert "index.html" in project.run("dvc", "plots", "diff")
    assert project.run("dvc", "status") == "Data and pipelines are up to date.\n"
    new, first = project.runs()
    assert (new.info.run_name, new.data.params["eta"], first.data.params["eta"]) == ("faster", "0.5", "0.1")
    metrics = json.loads((project.folder / "metrics/train.json").read_text())
    assert new.data.metrics == pytest.approx(metrics)
    assert new.data.tags["grade"] == "right"


def test_a_killed_training_leaves_nothing_half_written_and_the_next_one_gives_the_same_bytes(project):
    results = {path: path.read_bytes() for path in sorted((project.folder / "models").glob("*"))}
    lock = (project.folder / "dvc.lock").read_bytes()
    project.set(updates=100000)
    process = started(project, "dvc", "repro")
    until(lambda: len(list((project.folder / "models").glob("*.npz"))) > 20)
    training = [
        child for child in psutil.Process(process.pid).children(recursive=True) if "train.py" in child.cmdline()
    ]
    for child in training:
        os.kill(child.pid, signal.SIGKILL)
    assert process.wait() != 0
    assert not (project.folder / "metrics/train.json").exists()
    project.set(updates=50)
    project.run("dvc", "repro", "--force")
    assert {path: path.read_bytes() for path in sorted((project.folder / "models").glob("*"))} == results
    assert (project.folder / "dvc.lock").read_bytes() == lock
    assert project.run("git", "status", "--short", "-uno") == ""


def test_a_missing_store_does_not_fail_a_training(project):
    address = f"http://127.0.0.1:{free_port()}"
    assert "\nnot in MLflow: " in project.run("dvc", "repro", "--force", "-s", "train", MLFLOW_TRACKING_URI=address)
    assert project.run("git", "status", "--short") == ""


def test_a_fresh_clone_is_rebuilt_twice_to_the_same_bytes_and_a_tampered_one_is_found(project, tmp_path):
    clone = Project(tmp_path / "clone")
    project.run("git", "clone", "-q", str(project.folder), str(clone.folder))
    steps = (clone.folder / ".github/workflows/reproduce.yml").read_text()
    assert "run: python -P -m dvc_verify --twice | tee" in steps
    assert clone.run(sys.executable, "-P", "-m", "dvc_verify", "--twice").endswith("\nsame\n")
    clone.edit("metrics/train.json", "smooth_loss", "smooth_lass")
    clone.run("git", *NAMED, "commit", "-qam", "tampered")
    assert "metrics/train.json" in clone.run(sys.executable, "-P", "-m", "dvc_verify", expect=1)
    assert "smooth_lass" in clone.run(sys.executable, "-P", "-m", "dvc_summary", "--base", "HEAD^1")


def test_dvc_repro_stops_at_a_wrong_program_and_an_experiment_opens_the_gate(place):
    project = made(place / "new", "--program", written(place / "mine", FUNCTIONS, "no_target"))
    project.commit("smaller")
    says = project.run("dvc", "repro", expect=255)
    assert "\nprograms/my_rnn.py: gradients: The target is not subtracted from p" in says
    project.run("dvc", "exp", "run", "-S", "only_if_right=false")
    (run,) = project.runs()
    assert run.data.tags["grade"] == "gate open: wrong or not graded"
    assert run.data.params["only_if_right"] == "False"


def test_the_wheel_has_the_files_of_a_new_project(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    folder = Path(commands.__file__).with_name("starting")
    files = {str(path.relative_to(ROOT / "src")) for path in folder.rglob("*") if path.is_file()}
    assert {name for name in files if "__pycache__" not in name} <= set(zipfile.ZipFile(wheel).namelist())
