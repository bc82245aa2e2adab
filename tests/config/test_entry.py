"""A stage runs the sources that lie beside its script, or says that it would not; and what surrounds it is bounded."""

import errno
import importlib
import json
import os
import shutil
import sys
from contextlib import chdir, nullcontext
from pathlib import Path

import pytest
from mlflow_project import this_run, waiting
from projects import ROOT, STAGES, Project, called, ensure_ready, said, source, started, until

from charloom.core.runtime.program import FOREIGN, run_command
from charloom.core.base import sources, terminal
from charloom.core.config.pipeline import changed_inputs
from charloom.core.runtime import program
from charloom.core.text import corpus
from charloom.sampling import writing
from charloom.tracking.collect import put_run

# The first file is replaced by the next one as the stage opens a source, as an editor in another process does.
ACTS = """
import os, sys
acts = {acts!r}
def act(event, arguments):
    if event == "open" and acts and isinstance(arguments[0], str) and arguments[0].endswith(acts[0][0]):
        os.replace(acts.pop(0)[1], {path!r})
sys.addaudithook(act)
"""
GUARD, FIRST = source(sources), source(program)  # opened before the hash, and directly after it
AFTER, LATER = source(corpus), source(writing)  # opened after the import of the edited file
FAREWELL = """
import atexit, pathlib
path = pathlib.Path("params.yaml")
atexit.register(lambda: path.write_text(path.read_text().replace("seed: 1 ", "seed: 77 ")))
"""
NO_PROCESS = "the system allows no further process or thread: end other programs, or raise the limit (ulimit -u)\n"


def test_a_stage_runs_its_own_sources_wherever_they_lie_or_refuses_in_a_line(project, tmp_path):
    printed = project.run("python", "src/prepare.py", "--check", PYTHONSAFEPATH="1", expect=2)
    mend = "unset PYTHONSAFEPATH and PYTHONPATH"
    assert printed == f"{project.folder}/src/prepare.py: would run the sources in {ROOT}/src; {mend}\n"
    project.folder = project.folder.rename(tmp_path / "a folder, moved")
    project.run("python", "src/prepare.py", "--check")


def test_a_command_of_another_checkout_refuses_in_one_that_has_an_environment(project):
    (project.folder / ".venv").mkdir()
    _, line = said(project, "sample", "--length", "9", code=2)
    mend = "`make setup` and `. .venv/bin/activate` fix it"
    assert line == f"{project.folder}/src: the active environment runs the sources in {ROOT}/src; {mend}\n"


def test_the_environment_of_a_copied_folder_becomes_its_own(tmp_path):
    """Of its parts those that name a folder: `activate`, and the path to the sources."""
    folder = tmp_path / "it's a copy"
    folder.mkdir()
    (folder / ".ci").mkdir()
    for name in ("Makefile", "requirements.lock", "pyproject.toml", ".ci/setup"):
        shutil.copy(ROOT / name, folder / name)
    project = Project(folder)
    project.run(sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "first"))
    (tmp_path / "first").rename(folder / ".venv")
    ensure_ready(folder)
    (folder / ".venv/bin/uv").symlink_to(Path(sys.executable).with_name("uv"))
    (sources,) = folder.glob(".venv/lib/python3*/site-packages")
    (sources / "_charloom.pth").write_text("../../../../src")
    (folder / "src/charloom").mkdir(parents=True)
    (folder / "src/charloom/__init__.py").touch()
    assert project.run("make", "setup", PYTHON="") == ""
    found = "import charloom; print(charloom.__file__)"
    printed = project.run("sh", "-c", f". .venv/bin/activate && python -c '{found}'")
    assert printed == f"{folder}/src/charloom/__init__.py\n"


@pytest.mark.slow
def test_an_edit_while_train_works_is_no_result_and_the_saved_state_stays(project):
    project.edit("params.yaml", "updates: 400", "updates: 20000")
    train = started(project, "python", "src/train.py")
    until(project.states)
    project.edit("params.yaml", "seed: 1 ", "seed: 77 ")
    assert train.wait(timeout=300) == 1
    line = "train: inputs edited while it ran: seed was 1, is 77; results discarded; start it again\n"
    assert project.log().endswith(line)
    project.edit("params.yaml", "seed: 77 ", "seed: 1 ")
    assert "resumed at update 20000\n" in project.stage("train")


@pytest.mark.slow
@pytest.mark.parametrize(("edited", "put_back", "code"), [
    (GUARD, None, 0), (GUARD, AFTER, 1), (FIRST, None, 1), (AFTER, None, 1), (AFTER, LATER, 0),
])  # fmt: skip
def test_a_stage_hashes_its_sources_before_it_imports_them(project, tmp_path, edited, put_back, code):
    """An edit before the hash is used and hashed. An edit after it fails the stage, unless the stage undoes it."""
    path = project.folder / source(terminal)
    for compiled in (project.folder / "src").rglob("*.pyc"):  # then sources are opened, not compiled files
        compiled.unlink()
    (tmp_path / "whole").write_text(path.read_text())
    (tmp_path / "edited").write_text(path.read_text() + "# edited\n")
    acts = [(edited, str(tmp_path / "edited")), *([(put_back, str(tmp_path / "whole"))] if put_back else [])]
    hook = ACTS.replace("{acts!r}", repr(acts)).replace("{path!r}", repr(str(path)))
    (tmp_path / "sitecustomize.py").write_text(hook)
    printed = project.run("python", "src/sample.py", expect=code, PYTHONPATH=str(tmp_path))
    assert (f"edited while it ran: changed files: {source(terminal)}" in printed) == bool(code)


@pytest.mark.slow
def test_a_stage_ends_without_pythons_own_exit(project, tmp_path):
    """An exit handler of Python does not run, so an edit in it is not made."""
    (tmp_path / "sitecustomize.py").write_text(FAREWELL)
    project.run("python", "src/sample.py", PYTHONPATH=str(tmp_path))
    assert "seed: 1 " in (project.folder / "params.yaml").read_text()


def test_a_note_of_its_inputs_that_cannot_be_written_fails_no_stage(project):
    notes = project.folder / ".charloom/used"
    shutil.rmtree(notes, ignore_errors=True)
    notes.touch()
    project.stage("prepare")


def test_no_command_works_on_the_repository_that_a_hook_of_git_names(project, tmp_path, monkeypatch):
    other = tmp_path / "other"
    project.run("git", "init", "-q", str(other))
    for name, path in {"GIT_DIR": ".git", "GIT_WORK_TREE": ".", "GIT_INDEX_FILE": "index"}.items():
        monkeypatch.setenv(name, str(other / path))
    with chdir(project.folder):
        assert called(lambda: run_command(lambda: put_run(this_run()))) == (0, "", "")
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    (name,) = waiting(project)
    tags = json.loads((project.folder / f".charloom/outbox/{name}/manifest.json").read_text())["tags"]
    assert tags["mlflow.source.git.commit"] == project.run("git", "rev-parse", "HEAD").strip()
    assert tags["charloom.uncommitted_changes"] == "false"
    assert not (other / "index").exists()


def test_make_and_commands_forget_the_same_variables():
    (line,) = (line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("unexport "))
    assert line.split()[1:] == list(FOREIGN)


@pytest.mark.slow
def test_warnings_that_the_user_turned_into_errors_fail_no_delivery(project):
    """MLflow warns at its import, and on Python 3.14 at each upload."""
    for stage in STAGES:
        project.stage(stage)
    printed = project.run("python", "src/track.py", PYTHONWARNINGS="error")
    assert "MLflow was not updated" not in printed
    assert not waiting(project)


def test_a_disabled_compiler_is_refused_by_stages_and_commands(project, monkeypatch):
    importlib.import_module("train")  # before the variable is set: it would spoil the kernel for the tests that follow
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    before = project.contents()
    line = "NUMBA_DISABLE_JIT: 1 is not allowed: the kernel has to be compiled; unset it\n"
    assert project.stage("train", code=2) == said(project, "sample", code=2)[1] == line
    assert project.contents() == before
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "0")
    assert len(said(project, "sample", "--length", "9")[0]) == 10


@pytest.mark.parametrize(("error", "line"), [
    (RuntimeError("can't start new thread"), NO_PROCESS),
    (BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)), NO_PROCESS),
    (BlockingIOError(errno.EAGAIN, "write could not complete"), "the system: write could not complete\n"),
    (RuntimeError("a mistake of ours"), None),
])  # fmt: skip
def test_a_process_or_thread_that_cannot_start_gets_one_line(error, line):
    def command():
        raise error

    with pytest.raises(RuntimeError, match="a mistake of ours") if line is None else nullcontext():
        assert called(lambda: run_command(command)) == (5, "", line)


def test_many_changed_files_are_counted():
    sentence = changed_inputs({f"src/{n}.py": "0" for n in range(52)}, {})
    assert sentence == "changed files: src/0.py, src/1.py, src/2.py, src/3.py, src/4.py, src/5.py and 46 more"
