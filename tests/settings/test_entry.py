"""A stage runs the sources that lie beside its script, or says that it would not; and what surrounds it is bounded."""

import errno
import importlib
import os
import shutil
import sys
import warnings
from contextlib import chdir, nullcontext
from pathlib import Path
from textwrap import dedent

import pytest
from projects import ROOT, Project, called, said, started, until
from recorded import waiting

from charloom.settings.entry import FOREIGN, run_command
from charloom.tracking.collect import put, this_run


def test_a_stage_runs_its_own_sources_wherever_they_lie_or_refuses_in_a_line(project, tmp_path):
    printed = project.run("python", "src/prepare.py", "--check", PYTHONSAFEPATH="1", expect=2)
    assert printed == (
        f"{project.folder}/src/prepare.py: would run the sources in {ROOT}/src; unset PYTHONSAFEPATH and PYTHONPATH\n"
    )
    project.folder = project.folder.rename(tmp_path / "a folder, moved")
    project.run("python", "src/prepare.py", "--check")


def test_a_command_of_another_checkout_refuses_in_one_that_has_an_environment(project):
    (project.folder / ".venv").mkdir()
    _, line = said(project, "sample", "--length", "9", code=2)
    mend = "`make setup` and `. .venv/bin/activate` fix it"
    assert line == f"{project.folder}/src: would run the sources in {ROOT}/src; {mend}\n"


def test_the_environment_of_a_copied_folder_becomes_its_own(tmp_path):
    """Of its parts those that name a folder: `activate`, and the path to the sources."""
    folder = tmp_path / "it's a copy"
    folder.mkdir()
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    project = Project(folder)
    project.run(sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "first"))
    (tmp_path / "first").rename(folder / ".venv")
    shutil.copy(folder / "requirements.lock", folder / ".venv/.ready")
    (folder / ".venv/bin/uv").symlink_to(Path(sys.executable).with_name("uv"))
    (sources,) = folder.glob(".venv/lib/python3*/site-packages")
    (sources / "_editable_impl_charloom.pth").write_text(f"{tmp_path}/first/src")
    (folder / "src/charloom").mkdir(parents=True)
    (folder / "src/charloom/__init__.py").touch()
    assert project.run("make", "setup") == ""
    found = "import charloom; print(charloom.__file__)"
    printed = project.run("sh", "-c", f". .venv/bin/activate && python -c '{found}'")
    assert printed == f"{folder}/src/charloom/__init__.py\n"


HOST = """
import gc, os, signal, sys
os.environ.pop("OPENBLAS_NUM_THREADS", None)
state = lambda: (dict(os.environ), signal.getsignal(signal.SIGINT), gc.isenabled())
before = state()
import charloom
import charloom.network.rnn
assert state() == before
"""


def test_an_import_by_another_program_changes_nothing_there(project, tmp_path):
    sources = project.folder / "src"
    for folder in (tmp_path, sources):
        project.run("python", "-c", HOST, cwd=folder, PYTHONPATH=str(sources))


def test_an_import_by_another_program_without_packages_is_an_import_error(project):
    printed = project.run("python", "-S", "-c", HOST, cwd=project.folder / "src", expect=1)
    assert printed.endswith("ModuleNotFoundError: No module named 'numpy'\n")


@pytest.mark.parametrize("program", ["train.py", str(Path(sys.executable).with_name("charloom"))])
def test_a_stage_and_the_command_start_numpy_with_one_thread(project, program):
    look = f"import os, sys; sys.argv = ['{program}']; import charloom; assert 'numpy' not in sys.modules"
    printed = project.run(
        "env", "-u", "OPENBLAS_NUM_THREADS", "python", "-c", f"{look}; print(os.environ['OPENBLAS_NUM_THREADS'])",
        cwd=project.folder / "src",
    )  # fmt: skip
    assert printed == "1\n"


@pytest.mark.slow
def test_an_edit_while_train_works_is_no_result_and_the_saved_state_stays(project):
    project.edit("params.yaml", "updates: 400", "updates: 20000")
    train = started(project, "python", "src/train.py")
    until(project.states)
    project.edit("params.yaml", "seed: 1 ", "seed: 77 ")
    assert train.wait(timeout=300) == 1
    printed = (project.folder / "printed.txt").read_text()
    assert printed.endswith("train: inputs edited while it ran: seed was 1, is 77; results discarded; start it again\n")
    (entry,) = waiting(project)
    end = entry.end
    assert (end.status, end.results) == ("FAILED", None)
    project.edit("params.yaml", "seed: 77 ", "seed: 1 ")
    assert "resumed at update 20000\n" in project.stage("train")


# The file is replaced as the stage imports a module, as an editor in another process does.
ACTS = """
import os, sys
def act(event, arguments):
    if event == "import" and arguments[0] == {moment!r} and os.path.exists({edited!r}):
        os.replace({edited!r}, {path!r})
sys.addaudithook(act)
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["charloom.base.errors", "charloom.text.corpus"], ids=["before", "after"])
def test_a_source_that_is_edited_while_a_stage_imports_fails_it(project, tmp_path, moment):
    path, edited = project.folder / "src/charloom/base/terminal.py", tmp_path / "edited"
    edited.write_text(path.read_text().replace('"""Escaping', '"""The escaping', 1))
    (tmp_path / "sitecustomize.py").write_text(ACTS.format(moment=moment, edited=str(edited), path=str(path)))
    printed = project.run("python", "src/sample.py", expect=1, PYTHONPATH=str(tmp_path))
    assert "inputs edited while it ran: changed files: src/charloom/base/terminal.py; results discarded" in printed


PARAMS, FOX, UPDATE, IDS = "params.yaml", "data/fox.txt", "src/charloom/kernel/update.py", "data/prepared/text.npz"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "name", "old", "new", "line"),
    [
        ("train", PARAMS, "seed: 1 ", "seed: 77 ", "seed was 1, is 77; results discarded"),
        ("train", UPDATE, '"""The', '"""A', f"changed files: {UPDATE}; results discarded"),
        ("train", IDS, "", "\0", f"changed files: {IDS}; "),
        ("train", PARAMS, "temperature: ", "temperature:  ", ""),  # another stage's
        ("prepare", FOX, "lazy", "lazy", ""),  # touched
    ],
)
def test_an_input_that_is_edited_fails_the_stage(project, stage, name, old, new, line):
    code = f"""
        from pathlib import Path
        from charloom.settings.pipeline import Inputs
        inputs, path = Inputs({stage!r}), Path({name!r})
        path.write_bytes(path.read_bytes().replace({old.encode()!r}, {new.encode()!r}, 1))
        inputs.ensure_unchanged()
    """
    printed = project.run("python", "-c", dedent(code), expect=1 if line else 0, PYTHONPATH="src")
    assert line in printed


FAREWELL = """
import atexit, pathlib
path = pathlib.Path("params.yaml")
atexit.register(lambda: path.write_text(path.read_text().replace("seed: 1 ", "seed: 77 ")))
"""


@pytest.mark.slow
def test_what_is_edited_at_its_end_is_dvcs_to_hash(project, tmp_path):
    """Python takes up to a second to tidy up: a stage leaves at once."""
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
        assert called(lambda: run_command(lambda: put(this_run()))) == (0, "", "")
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    (entry,) = waiting(project)
    tags = entry.tracked.tags
    assert tags["mlflow.source.git.commit"] == project.run("git", "rev-parse", "HEAD").strip()
    assert tags["charloom.uncommitted_changes"] == "false"
    assert not (other / "index").exists()


def test_make_and_commands_forget_the_same_variables():
    (line,) = (line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("unexport "))
    assert line.split()[1:] == list(FOREIGN)


def test_a_stage_or_a_command_without_the_compiler_is_refused_before_it_works_and_0_is_no_such_wish(
    project, monkeypatch
):
    importlib.import_module("train")  # before the variable is set: it would spoil the kernel for the tests that follow
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    before = project.contents()
    line = "NUMBA_DISABLE_JIT: 1 is not allowed: the kernel has to be compiled; unset it\n"
    assert project.stage("train", code=2) == said(project, "sample", code=2)[1] == line
    assert project.contents() == before
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "0")
    assert len(said(project, "sample", "--length", "9")[0]) == 10


@pytest.mark.parametrize("wish", ["error", "ignore,error::UserWarning"])
def test_a_library_that_warns_ends_no_command_whatever_python_is_told(monkeypatch, wish):
    monkeypatch.setenv("PYTHONWARNINGS", wish)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("error")
        assert called(lambda: run_command(lambda: warnings.warn("old", UserWarning, stacklevel=1))) == (0, "", "")
    assert seen == []
    assert "PYTHONWARNINGS" not in os.environ  # so no child has it


NO_PROCESS = "the system allows no further process or thread: end other programs, or raise the limit (ulimit -u)\n"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError("can't start new thread"), NO_PROCESS),
        (BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)), NO_PROCESS),
        (BlockingIOError(errno.EAGAIN, "write could not complete"), "the system: write could not complete\n"),
        (RuntimeError("a mistake of ours"), None),
    ],
)
def test_a_process_or_thread_that_may_not_start_is_a_line_and_another_error_of_the_program_is_not_hidden(error, line):
    def command():
        raise error

    with pytest.raises(RuntimeError, match="a mistake of ours") if line is None else nullcontext():
        assert called(lambda: run_command(command)) == (5, "", line)
