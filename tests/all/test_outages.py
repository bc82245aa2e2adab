"""Whatever the MLflow store does, training's results are the same, its exit code is 0, and its run is sent later."""

import gzip
import re
import socket
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, closing, contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from hostile import Mlflow, answered, hostile
from mlflow import MlflowClient
from mlflow_project import holds_what_the_files_hold, sent, waiting
from projects import Project, copied, source, until

from charloom.tracking import delivery, limits, queries, rounds

SECONDS = 90  # of a command on a busy machine: its imports, and the limits below
# Shorter than a user's, in their order: `track` waits longer than an attempt, and an attempt than an idle sender.
LIMITS = (
    (source(delivery), "QUIET_LIMIT = 45", "QUIET_LIMIT = 8"),
    (source(queries), "QUERY_TIMEOUT = 45", "QUERY_TIMEOUT = 8"),
    (source(limits), "SILENCE_LIMIT = 30", "SILENCE_LIMIT = 5"),
    (source(rounds), "LINGER = 10", "LINGER = 3"),
)
MEMORY = 1_500_000_000  # bytes of all processes of a command, and of a stage's sender


@contextmanager
def deaf(_):
    """Take connections into a queue that nobody looks at."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def locked(folder: Path):
    """Hold the lock of a database that is whole, as a program that died in the middle of a backup would."""
    address = f"sqlite:///{folder}/mlflow.db"
    MlflowClient(address).search_experiments()
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield address


def answers(pieces):
    """Serve what `pieces` makes, whatever is asked."""
    return lambda _: hostile(lambda _: pieces(), Mlflow())


def page() -> list[bytes]:
    """Return a page of runs that names a further one."""
    run = {"info": {"run_id": "a", "experiment_id": "0"}, "data": {}}
    return answered({"runs": [run], "next_page_token": str(time.monotonic_ns())})


def bomb() -> list[bytes]:
    """Return 4 GB of spaces, compressed: a member of 16 MB many times."""
    return answered(gzip.compress(b" " * 2**24) * 256, headers=["Content-Encoding: gzip"])


FAULTS = {"deaf": deaf, "pages without end": answers(page), "a gzip bomb": answers(bomb), "locked SQLite": locked}


class Ended:
    """A command that has ended: its code, what it printed, and the most that it took."""

    def __init__(self, project: Project, *command: str, **variables: str):
        began, self.memory = time.monotonic(), 0
        process = subprocess.Popen(
            command, cwd=project.folder, env=project.environment() | variables, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        while True:
            with suppress(subprocess.TimeoutExpired):
                self.printed, self.complaint = process.communicate(timeout=0.3)
                break
            with suppress(psutil.Error):
                parts = {psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)}
                parts |= set(project.senders() if command[0] == "python" else ())
                self.memory = max(self.memory, sum(part.memory_info().rss for part in parts))
        self.code, self.seconds = process.returncode, time.monotonic() - began
        assert (self.memory < MEMORY, self.seconds < SECONDS) == (True, True), self

    def __repr__(self):
        measured = f"{self.seconds:.0f} s, {self.memory / 1e6:.0f} MB"
        return f"exit {self.code}, {measured}: {self.printed!r} {self.complaint!r}"


def failures(project: Project) -> int:
    """Return the number of failed attempts that the senders' logs have."""
    logs = (project.folder / ".charloom/sender").glob("*.log")
    return sum(log.read_bytes().count(b'"delivered":"","failure":"') for log in logs)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_store_with_a_fault_changes_no_result_and_is_caught_up_with_later(fault, longer, tmp_path):
    project = copied(longer, tmp_path / "project")
    for change in LIMITS:
        project.edit(*change)
    files = project.contents()
    for name in ("tmp", "store"):
        (tmp_path / name).mkdir()
    with FAULTS[fault](tmp_path / "store") as address, ThreadPoolExecutor() as together:
        own = {"TMPDIR": str(tmp_path / "tmp"), "MLFLOW_TRACKING_URI": address}
        own |= {"PYTHONPATH": str(project.folder / "src")}  # `charloom`, too, has the limits of the project
        asking = ("charloom", "sample", "--model", "models:/charloom-fox@best")
        sampled = together.submit(Ended, project, *asking, **own)  # beside the others: each may take its whole time
        train = Ended(project, "python", "src/train.py", **own)
        track = Ended(project, "python", "src/track.py", **own)
        sample = sampled.result()
        print(f"{fault}\ntrain: {train}\ntrack: {track}\nsample: {sample}")
        assert (train.code, train.complaint, track.code) == (0, "", 0)
        assert re.fullmatch(r"warning: MLflow was not updated \(.{1,600}\); `make track` retries\n", track.complaint)
        assert "MLflow run" not in track.printed
        assert len(waiting(project)) == 1
        assert (sample.code in {2, 3, 5}, sample.printed, sample.complaint.count("\n")) == (True, "", 1)
        assert {name: content for name, content in project.contents().items() if name in files} == files
        assert not list((tmp_path / "tmp").iterdir())
        if fault == "deaf":  # an attempt takes longer than an idle sender waits for work
            attempts = failures(project)
            until(lambda: failures(project) >= attempts + 2, 90)
        project.end_senders()  # or it would send the run to this store, once that is mended
    with chdir(project.folder):
        sent()
    (run,) = project.runs()
    holds_what_the_files_hold(project, project.client(), run)
    assert not waiting(project)
