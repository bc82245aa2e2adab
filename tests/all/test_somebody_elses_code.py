"""Commands execute no code of a fetched repository, a model or an outbox."""

import hashlib
import json
import os
import signal
import urllib.request
from contextlib import chdir
from zipfile import ZipFile

import pytest
from mlflow_project import this_run
from projects import source, until
from stores import listening, ui
from study_projects import TWO_SEEDS, ask

import charloom
from charloom.core.model import model_file
from charloom.tracking.collect import put_run
from charloom.tracking.outbox import MANIFEST, read_entry

MARK = "somebody_elses_code_ran"


def marking(project) -> str:
    """Return code that leaves the mark in the project's folder."""
    return f"import pathlib\npathlib.Path({str(project.folder / MARK)!r}).write_text(__name__)\n"


def test_code_in_an_outbox_that_came_with_the_clone_is_not_run_by_track(project):
    """The queue is data. MLflow executes a model's code when it saves the model, so it gets charloom's own code."""
    with chdir(project.folder):
        entry = put_run(this_run())
    waits, manifest = entry / "files", read_entry(entry)
    served, packed = waits / "code/served.py", waits / "code/charloom.zip"
    served.write_text(marking(project) + served.read_text())
    with ZipFile(packed) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with ZipFile(packed, "w") as archive:
        for name, content in files.items():
            planted = name in {source(module).removeprefix("src/") for module in (charloom, model_file)}
            archive.writestr(name, marking(project).encode() + content if planted else content)
    for path in manifest.sha256:
        manifest.sha256[path] = hashlib.sha256((waits / path).read_bytes()).hexdigest()
    (entry / MANIFEST).write_text(manifest.model_dump_json())
    assert "MLflow run " in project.run("charloom", "track")
    assert not (project.folder / MARK).exists()


@pytest.fixture
def planted(project):
    """A project whose folder has code under the names of modules that commands import."""
    names = ("mlflow/__init__", "types", "dvc/__init__", "dvc/__main__", "json", "random", "ruamel", "uvicorn", "flask")
    for name in names:
        path = project.folder / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(marking(project))
    return project


def test_code_of_a_folder_is_not_run_by_commands_that_only_read(planted):
    for command in ("track", "compare", "verify", "sample --length 9", "score README.md"):
        planted.run("charloom", *command.split(), expect=2 if command == "compare" else 0)  # there is one run
        assert not (planted.folder / MARK).exists(), command
    planted.run("python", "-P", "-m", "dvc_proof", "summary", "--base", "HEAD")
    assert not (planted.folder / MARK).exists()


def test_code_of_a_folder_is_not_run_by_the_workers_of_a_study(planted):
    ask(planted, TWO_SEEDS)
    assert "4 of 4 trials to train" in planted.run("charloom", "study", "studies/a.yaml", "--jobs", "2")
    assert not (planted.folder / MARK).exists()


def test_code_of_a_folder_is_not_run_by_the_pages_and_ctrl_c_ends_them(planted):
    planted.run("charloom", "track")
    (experiment,) = {run.info.experiment_id for run in planted.runs()}
    with ui(planted) as (process, port):
        assert f"open http://127.0.0.1:{port}/#/experiments/{experiment}/runs?" in planted.log()
        asked = f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get?experiment_id={experiment}"
        with urllib.request.urlopen(asked, timeout=30) as answer:
            assert json.load(answer)["experiment"]["experiment_id"] == experiment
        assert not (planted.folder / MARK).exists(), (planted.folder / MARK).read_text()
        os.killpg(process.pid, signal.SIGINT)  # as the terminal does
        assert process.wait(30) == 0
    assert planted.log().endswith("; Ctrl-C ends it)\n")  # what MLflow says goes to a file
    until(lambda: not listening(port))
