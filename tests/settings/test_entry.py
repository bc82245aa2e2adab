"""A stage runs the sources that lie beside its script, or says that it would not."""

import importlib
import json
import shutil

import pytest
from projects import ROOT, started, until


def test_a_stage_that_would_run_the_sources_of_another_checkout_refuses_in_a_line(project):
    printed = project.run("python", "src/prepare.py", "--check", PYTHONSAFEPATH="1", expect=2)
    assert printed == (
        f"{project.folder}/src/prepare.py: would run the sources in {ROOT}/src; unset PYTHONSAFEPATH and PYTHONPATH\n"
    )


def test_its_own_sources_may_lie_anywhere(project, tmp_path):
    shutil.copytree(project.folder, tmp_path / "a folder, moved")
    project.run("python", "src/prepare.py", "--check", cwd=tmp_path / "a folder, moved")


EDITED = {
    "params.yaml": ("seed: 1 ", "seed: 77 ", "seed was 1, is 77"),
    "src/charloom/kernel/update.py": (
        '"""The update of',
        '"""An update of',
        "changed since: src/charloom/kernel/update.py",
    ),
    "data/prepared/text.npz": (None, None, "changed since: data/prepared/text.npz"),
}


@pytest.mark.parametrize("name", EDITED)
def test_an_edit_while_train_works_is_no_result_and_the_saved_state_stays(project, name):
    old, new, line = EDITED[name]
    project.edit("params.yaml", "updates: 400", "updates: 100000")
    before = (project.folder / name).read_bytes()
    train = started(project, "python", "src/train.py")
    until(project.states)
    if old:
        project.edit(name, old, new)
    else:
        (project.folder / name).write_bytes(before + b"\0")
    assert train.wait(timeout=300) == 1
    printed = (project.folder / "printed.txt").read_text()
    assert printed.endswith(f"train: edited while it ran: {line}: its results are not taken; start it again\n")
    assert json.loads((project.folder / "metrics/train.json").read_text())["updates"] == 400
    (project.folder / name).write_bytes(before)
    assert "resumed at update 100000\n" in project.stage("train")


@pytest.mark.parametrize("stage", ["prepare", "gradcheck", "sample", "plot", "track"])
def test_an_edit_while_another_stage_works_fails_it(project, stage, monkeypatch):
    main = importlib.import_module(stage)
    read = main.files
    edited = "src/charloom/base/terminal.py" if stage != "track" else "src/charloom/tracking/view.py"

    def and_edited(name):
        project.edit(edited, '"""', '"""Now: ')
        return read(name)

    monkeypatch.setattr(main, "files", and_edited)
    printed = project.stage(stage, code=1)
    assert printed.splitlines()[-1] == (
        f"{stage}: edited while it ran: changed since: {edited}: its results are not taken; start it again"
    )


def test_an_edit_that_is_undone_while_a_stage_works_fails_it_too(project, monkeypatch):
    main = importlib.import_module("prepare")
    read = main.read_params

    def edited_and_put_back():
        project.edit("params.yaml", "held_out: 0.05", "held_out: 0.5")
        params = read()
        project.edit("params.yaml", "held_out: 0.5", "held_out: 0.05")
        return params

    monkeypatch.setattr(main, "read_params", edited_and_put_back)
    printed = project.stage("prepare", code=1)
    assert "prepare: edited while it ran: written to, or edited and put back: params.yaml: its results" in printed


FAREWELL = """
import atexit, pathlib
path = pathlib.Path("params.yaml")
atexit.register(lambda: path.write_text(path.read_text().replace("seed: 1 ", "seed: 77 ")))
"""
IMPORTED = """
import sys, time, pathlib
class Edit:
    def find_spec(self, name, *_):
        if name == "numpy":
            path = pathlib.Path("src/charloom/base/errors.py")  # it has been imported
            path.write_text(path.read_text() + "# edited")
            sys.meta_path.remove(self)
sys.meta_path.insert(0, Edit())
"""


@pytest.mark.parametrize(("when", "code"), [(FAREWELL, 0), (IMPORTED, 1)], ids=["at its end", "while it imports"])
def test_no_edit_falls_between_what_a_stage_has_read_and_its_looks(project, tmp_path, when, code):
    """What Python does before our first line and after our last is acted by a module that it imports first."""
    (tmp_path / "sitecustomize.py").write_text(when)
    printed = project.run("python", "src/sample.py", expect=code, PYTHONPATH=str(tmp_path))
    assert ("written" in printed or "changed since" in printed) == bool(code)
    assert "seed: 1 " in (project.folder / "params.yaml").read_text()


def test_no_command_works_on_the_repository_that_a_hook_of_git_names(project, tmp_path):
    other = tmp_path / "other"
    project.run("git", "init", "-q", str(other))
    foreign = {"GIT_DIR": str(other / ".git"), "GIT_WORK_TREE": str(other), "GIT_INDEX_FILE": str(other / "index")}
    project.run("python", "src/track.py", MLFLOW_TRACKING_URI="http://127.0.0.1:9", **foreign)
    (run,) = (project.folder / ".charloom/outbox").glob("*/run.json")
    tags = json.loads(run.read_text())["tags"]
    assert tags["mlflow.source.git.commit"] == project.run("git", "rev-parse", "HEAD").strip()
    assert tags["charloom.uncommitted_changes"] == "false"
    assert not (other / "index").exists()
