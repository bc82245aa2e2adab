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
    edited = "src/charloom/base/terminal.py"

    def and_edited(name):
        project.edit(edited, '"""Text', '"""A text')
        return read(name)

    monkeypatch.setattr(main, "files", and_edited)
    printed = project.stage(stage, code=1)
    assert printed.splitlines()[-1] == (
        f"{stage}: edited while it ran: changed since: {edited}: its results are not taken; start it again"
    )


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
