"""A training on two threads ends as on one: stopped by a signal, where no thread may start, on one processor."""

import os
import shutil
import signal
import subprocess

import psutil
import pytest
from projects import Project, copied, started, until

SHARED = {  # 73,728 products a character: enough for two threads
    "m: 8 ": "m: 96 ", "batch: 1 ": "batch: 8 ", "updates: 400": "updates: 2000", "save_every: 100": "save_every: 20",
}  # fmt: skip
TWO = {"CHARLOOM_THREADS": "2"}
RESULTS = ("models/last.npz", "models/best.npz", "metrics/results.json")


@pytest.fixture(scope="module")
def large(finished, tmp_path_factory) -> tuple[Project, dict[str, bytes]]:
    """A project that is large enough for two threads, and what one thread makes of it."""
    project = copied(finished, tmp_path_factory.mktemp("threads") / "project")
    for old, new in SHARED.items():
        project.edit("params.yaml", old, new)
    project.run("python", "src/prepare.py")
    project.clear()
    project.run("python", "src/train.py", CHARLOOM_THREADS="1")
    results = made(project)
    project.clear()
    return project, results


@pytest.fixture
def project(large, tmp_path) -> Project:
    return copied(large[0], tmp_path / "project")


def made(project: Project) -> dict[str, bytes]:
    return {name: (project.folder / name).read_bytes() for name in RESULTS}


@pytest.mark.parametrize(("number", "code", "then"), [(signal.SIGTERM, 143, "1"), (signal.SIGINT, 130, "3")])
def test_a_signal_on_two_threads_saves_and_any_number_goes_on_to_the_same_bytes(project, large, number, code, then):
    stage = started(project, "python", "src/train.py", **TWO)
    until(project.states)
    until(lambda: psutil.Process(stage.pid).num_threads() > 1, every=0.001)  # in a block of updates
    stage.send_signal(number)
    assert stage.wait(timeout=10) == code
    assert "resumed at update" in project.run("python", "src/train.py", CHARLOOM_THREADS=then)
    assert made(project) == large[1]


def test_killed_on_two_threads_it_goes_on_to_the_same_bytes(project, large):
    stage = started(project, "python", "src/train.py", **TWO)
    until(project.states)
    stage.kill()
    stage.wait()
    assert "resumed at update" in project.run("python", "src/train.py", **TWO)
    assert made(project) == large[1]


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
@pytest.mark.parametrize("most", [1, 2, 4])
def test_where_no_thread_may_start_it_is_trained_on_fewer(project, large, most):
    uid = str(500_000_000 + 10 * os.getpid() + most)  # nobody's: the limit counts all processes of a user
    user = ["setpriv", "--reuid", uid, "--clear-groups", "--inh-caps", "+dac_override"]
    command = f"ulimit -u {most}; exec python src/train.py"
    done = subprocess.run(
        [*user, "--ambient-caps", "+dac_override", "bash", "-c", command], cwd=project.folder,
        env=project.environment() | TWO, text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert made(project) == large[1]


@pytest.mark.skipif(shutil.which("taskset") is None, reason="needs taskset")
def test_on_one_processor_it_is_trained_on_one_thread_and_on_two_as_well(project, large):
    for threads in ({}, TWO):
        project.clear()
        project.run("taskset", "-c", "0", "python", "src/train.py", **threads)
        assert made(project) == large[1]
