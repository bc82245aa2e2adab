"""A stage runs the sources that lie beside its script, or says that it would not; and what surrounds it is bounded."""

import errno
import importlib
import json
import os
import shutil
import sys
import warnings
from contextlib import chdir, nullcontext
from pathlib import Path

import pytest
from projects import ROOT, STAGES, Project, called, said, started, until

from charloom.results.training_log import Log
from charloom.settings.entry import FOREIGN, run_command
from charloom.tracking.collect import put, this_run


def test_a_stage_that_would_run_the_sources_of_another_checkout_refuses_in_a_line(project):
    printed = project.run("python", "src/prepare.py", "--check", PYTHONSAFEPATH="1", expect=2)
    assert printed == (
        f"{project.folder}/src/prepare.py: would run the sources in {ROOT}/src; unset PYTHONSAFEPATH and PYTHONPATH\n"
    )


def test_its_own_sources_may_lie_anywhere(project, tmp_path):
    shutil.copytree(project.folder, tmp_path / "a folder, moved")
    project.run("python", "src/prepare.py", "--check", cwd=tmp_path / "a folder, moved")


def test_a_command_of_another_checkout_refuses_in_one_that_has_an_environment(project):
    (project.folder / ".venv").mkdir()
    _, line = said(project, "sample", "--length", "9", code=2)
    mend = "`make setup` and `. .venv/bin/activate` mend it"
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


EDITED = {
    "params.yaml": ("seed: 1 ", "seed: 77 ", "seed was 1, is 77"),
    "src/charloom/kernel/update.py": (
        '"""The update of',
        '"""An update of',
        "changed since: src/charloom/kernel/update.py",
    ),
    "data/prepared/text.npz": (None, None, "changed since: data/prepared/text.npz"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITED)
def test_an_edit_while_train_works_is_no_result_and_the_saved_state_stays(project, name):
    old, new, line = EDITED[name]
    project.edit("params.yaml", "updates: 400", "updates: 20000")
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
    log = max((project.folder / ".charloom/trainings").glob("*/*.jsonl"))  # the file's name begins with its time
    end = Log(log).end
    assert (end.status, end.results) == ("FAILED", None)
    (project.folder / name).write_bytes(before)
    assert "resumed at update 20000\n" in project.stage("train")


@pytest.mark.parametrize("stage", ["prepare", "gradcheck", "sample", "plot", "track"])
def test_an_edit_while_another_stage_works_fails_it(project, stage, monkeypatch):
    main = importlib.import_module(stage)
    read = main.files
    edited = "src/charloom/base/terminal.py" if stage != "track" else "src/charloom/tracking/view.py"

    def and_edited(name):
        project.edit(edited, '"""', '"""Now: ')
        return read(name)

    monkeypatch.setattr(main, "files", and_edited)
    if stage == "track":  # seconds of MLflow's import, for what is not taken
        monkeypatch.setattr(main, "sender", lambda *_: nullcontext(lambda _: ""))
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


def test_another_link_to_a_file_that_dvc_keeps_is_no_edit(project, monkeypatch):
    """DVC makes one where another experiment's folder gets the file, and so the file's own time changes."""
    main, text = importlib.import_module("prepare"), project.folder / "data/fox.txt"
    os.link(text, project.folder / "kept")
    read = main.read_params
    monkeypatch.setattr(main, "read_params", lambda: os.link(text, project.folder / "again") or read())
    project.stage("prepare")


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


@pytest.mark.slow
@pytest.mark.parametrize(("when", "code"), [(FAREWELL, 0), (IMPORTED, 1)], ids=["at its end", "while it imports"])
def test_no_edit_falls_between_what_a_stage_has_read_and_its_looks(project, tmp_path, when, code):
    """What Python does before our first line and after our last is acted by a module that it imports first."""
    (tmp_path / "sitecustomize.py").write_text(when)
    printed = project.run("python", "src/sample.py", expect=code, PYTHONPATH=str(tmp_path))
    assert ("written" in printed or "changed since" in printed) == bool(code)
    assert "seed: 1 " in (project.folder / "params.yaml").read_text()


def test_no_command_works_on_the_repository_that_a_hook_of_git_names(project, tmp_path, monkeypatch):
    other = tmp_path / "other"
    project.run("git", "init", "-q", str(other))
    for name, path in {"GIT_DIR": ".git", "GIT_WORK_TREE": ".", "GIT_INDEX_FILE": "index"}.items():
        monkeypatch.setenv(name, str(other / path))
    with chdir(project.folder):
        assert called(lambda: run_command(lambda: put(this_run()))) == (0, "", "")
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    (run,) = (project.folder / ".charloom/outbox").glob("*/run.json")
    tags = json.loads(run.read_text())["tags"]
    assert tags["mlflow.source.git.commit"] == project.run("git", "rev-parse", "HEAD").strip()
    assert tags["charloom.uncommitted_changes"] == "false"
    assert not (other / "index").exists()


def test_make_and_commands_forget_the_same_variables():
    (line,) = (line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("unexport "))
    assert line.split()[1:] == list(FOREIGN)


@pytest.mark.parametrize("stage", [*STAGES, "track"])
def test_a_stage_without_the_compiler_is_refused_before_it_works(project, stage, monkeypatch):
    importlib.import_module(stage)  # before the variable is set: it would spoil the kernel for the tests that follow
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    before = project.contents()
    line = "NUMBA_DISABLE_JIT: 1 is not allowed: the kernel has to be compiled; unset it\n"
    assert project.stage(stage, code=2) == line
    assert project.contents() == before


def test_a_command_without_the_compiler_is_refused_and_0_is_no_such_wish(project, monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "true")
    for command in (["sample"], ["score", "README.md"]):
        assert said(project, *command, code=2)[1].startswith("NUMBA_DISABLE_JIT: true is not allowed")
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


NO_PROCESS = "no further process or thread may start: end other programs, or raise the limit (ulimit -u)\n"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RuntimeError("can't start new thread"), NO_PROCESS),
        (BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)), NO_PROCESS),
        (BlockingIOError(errno.EAGAIN, "write could not complete"), "the system: write could not complete\n"),
    ],
)
def test_a_process_or_thread_that_may_not_start_is_a_line(error, line):
    def command():
        raise error

    assert called(lambda: run_command(command)) == (5, "", line)


def test_another_error_of_the_program_is_not_hidden():
    def command():
        raise RuntimeError("a mistake of ours")

    with pytest.raises(RuntimeError, match="a mistake of ours"):
        called(lambda: run_command(command))
