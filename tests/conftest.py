"""One small pipeline for all tests and all workers; kernel and plain loops compiled once, before they start."""

import gc
import locale
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from filelock import FileLock
from hypothesis import settings
from projects import ROOT, SMALL, Project, copied, make
from stores import Server

from charloom.core.kernel.cache import cache_home

try:
    locale.setlocale(locale.LC_ALL, "")
except locale.Error:  # not installed, as after ssh from another machine: every bash would print a warning
    os.environ["LC_ALL"] = "C.UTF-8"

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored, and what a test starts would inherit that

gc.disable()  # until all is imported: see pytest_collection_finish

# The same few examples every time, unless `--hypothesis-profile=random` asks for others: `make test-all`.
settings.register_profile("steady", derandomize=True, database=None, deadline=None, max_examples=25)
settings.register_profile("random", deadline=None, print_blob=True)
settings.load_profile("steady")

COMPILE = """
import sys
from dataclasses import replace
import numpy as np
from charloom.core.network.state import initial_state
from charloom.core.model.scoring import score
from charloom.core.network.recipe import COMPILED, KERNEL, OPTIMIZERS
from charloom.sampling.writing import Choice, blocks
from oracle import same_bits
from recipes import recipe
small = recipe(m=8, dtype=sys.argv[1])
state, ids = initial_state(small, 5, 0), np.arange(5, dtype=np.uint8)
for name in COMPILED:
    trained = replace(small, optimizer=OPTIMIZERS[name](0.01))
    same_bits(trained, initial_state(trained, 5, 0), ids, 1)
score(state.theta, ids, np.zeros(8), KERNEL)
next(blocks(state.theta, np.zeros((1, 8)), np.array([0]), [np.random.default_rng(1)], Choice(1.0), KERNEL))
"""

DVC = """
import runpy, shutil, sys
from pathlib import Path
sys.path.remove({folder!r})
del sys.modules["dvc"]
if sys.argv[1] == "repro":
    for name in {results!r}:
        source = Path({finished!r}, name)
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, name)
    sys.argv[1:] = ["commit", "--force", *sys.argv[4:]]
runpy.run_module("dvc", run_name="__main__", alter_sys=True)
"""
TAKE_CODE = """
import os
from contextlib import suppress
if folder := os.environ.get("NUMBA_CACHE_DIR"):
    os.makedirs(folder, exist_ok=True)
    with suppress(FileExistsError):
        os.symlink({home!r}, os.path.join(folder, "charloom"))
"""


ENDS_ALONE = re.compile("multiprocessing.resource_tracker|charloom.core.kernel.ahead")
STARTED_BY = "CHARLOOM_TESTS"  # a variable of all processes that these tests start
os.environ.setdefault(STARTED_BY, str(os.getpid()))


def pytest_configure():
    """Refuse another clone's environment, whose commands run its sources, and params that fail hundreds of tests."""
    for folder in map(Path, sys.path):
        if (folder / "charloom/core").is_dir() and folder.resolve() != ROOT / "src":
            line = f"{sys.executable}: would run the sources in {folder}; `. .venv/bin/activate` chooses this clone's"
            pytest.exit(line, 2)
    params = (ROOT / "params.yaml").read_text()
    if other := [old for old in SMALL if not re.search(rf"(^|\s){old}\b", params)]:
        pytest.exit(f"params.yaml: {other[0]!r} is missing; allowed are the committed params (git stash)", 2)


def pytest_unconfigure(config):
    """End the processes that tests have left, and name them: later tests would meet them."""
    if hasattr(config, "workerinput"):
        return
    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(STARTED_BY) == str(os.getpid()):
                left.append(process)
                command = " ".join(process.cmdline())
                if not ENDS_ALONE.search(command):
                    print(f"left by a test, and ended: {command[:120]}")
                process.kill()
    psutil.wait_procs(left, timeout=5)


def pytest_sessionstart(session):
    """Compile kernel and plain loops, each number type in a process of its own: two workers would both compile both."""
    option = session.config.option
    if hasattr(session.config, "workerinput") or option.collectonly or not option.numprocesses:
        return
    here = Path(__file__).parent
    compiling = [subprocess.Popen([sys.executable, "-c", COMPILE, each], cwd=here) for each in ("float64", "float32")]
    try:
        compiling[0].wait(timeout=5)
    except subprocess.TimeoutExpired:  # its sources are new, or their cache is gone
        session.config.pluginmanager.get_plugin("terminalreporter").write_line("compiling the kernel: a minute or two")
    assert [process.wait() for process in compiling] == [0, 0]


@pytest.hookimpl(tryfirst=True)  # before pytest deselects what is slow
def pytest_collection_modifyitems(items):
    """Mark the cases that are slow, and run the tests that need the finished project last: one worker makes it."""
    first = set()
    for item in items:
        if item.get_closest_marker("slow_but_first"):
            if item.function in first:
                item.add_marker("slow")
            first.add(item.function)
    items.sort(key=lambda item: "finished" in item.fixturenames)


def pytest_collection_finish():
    """Let no collection of garbage look through what imports have made: a third of a second each time."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _own_store(monkeypatch):
    """Let no test meet another one's store: MLflow puts the address that it is told into the environment."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """A small project whose pipeline has run once and is committed. All workers share it: for reading, or copying."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished"
    printed = folder.with_suffix(".txt")
    with FileLock(folder.with_suffix(".lock")):
        if not printed.exists():
            project = make(folder, SMALL)
            said = project.run("dvc", "repro")
            project.commit("a finished run")
            project.run("git", "gc", "-q")  # one file instead of hundreds, in every copy
            printed.write_text(said)
    project = Project(folder)
    project.printed = printed.read_text()
    return project


@pytest.fixture
def project(finished, tmp_path) -> Iterator[Project]:
    """A copy of the finished project, with an MLflow store still to be made."""
    project = copied(finished, tmp_path / "project")
    yield project
    for process in project.at_work:
        process.kill()


@pytest.fixture
def rebuilt_once(finished, tmp_path_factory, monkeypatch):
    """Let DVC, asked to run stages, take the results of the finished project, which it made from nothing."""
    from dvc_proof.stages import pipeline_in  # noqa: PLC0415  half a second, for few tests

    folder = tmp_path_factory.mktemp("stand-in")
    results = [out for stage in pipeline_in(finished.folder).stages.values() for out in stage.outs]
    (folder / "dvc").mkdir()
    (folder / "dvc/__init__.py").touch()
    code = DVC.format(folder=str(folder), results=results, finished=str(finished.folder))
    (folder / "dvc/__main__.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.fixture(scope="session")
def compiled_before(tmp_path_factory) -> dict[str, str]:
    """Return variables for a command that rebuilds: its stages find the code that these tests have compiled."""
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "sitecustomize.py").write_text(TAKE_CODE.format(home=str(cache_home())))
    return {"PYTHONPATH": str(folder)}


@pytest.fixture(scope="session")
def longer(finished, tmp_path_factory) -> Project:
    """A project whose training takes a second or two, so that a kill can hit it; all has run but `track`."""
    project = copied(finished, tmp_path_factory.mktemp("longer") / "project")
    project.set(updates=600000, checkpoint_every=200000, save_every=50000)
    project.run("dvc", "repro", "plot")
    shutil.rmtree(project.folder / ".charloom")
    return project


@pytest.fixture
def long(project) -> Project:
    """A project whose training takes minutes, saved every few hundredths of a second."""
    project.set(updates=10000000, checkpoint_every=5000000, save_every=5000)
    return project


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory) -> Iterator[Server]:
    """An MLflow server of this worker."""
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.kill()


@pytest.fixture
def server(shared_server) -> Server:
    """An MLflow server whose database is empty."""
    shared_server.empty()
    return shared_server
