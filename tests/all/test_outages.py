"""Whatever the MLflow store does, `track` ends in time with code 0 and one warning; `charloom track` sends it later."""

import re
import socket
import sqlite3
import subprocess
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hostile import Mlflow, answered, hostile
from mlflow import MlflowClient
from mlflow_project import holds_what_the_files_hold, waiting
from projects import Project, source
from stores import before, free_port

from charloom.tracking import delivery, limits

SECONDS = 60  # of a command on a busy machine: its imports, and the limits below
LIMITS = (
    (source(delivery), "LONGEST = 60", "LONGEST = 15"),
    (source(limits), "SILENCE_LIMIT = 30", "SILENCE_LIMIT = 8"),
)


@contextmanager
def absent(*_):
    yield f"http://127.0.0.1:{free_port()}"


@contextmanager
def deaf(*_):
    """Take connections into a queue that nobody looks at."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def locked(folder: Path, _):
    """Hold the lock of a database that is whole, as a program that died in the middle of a backup would."""
    address = f"sqlite:///{folder}/mlflow.db"
    MlflowClient(address).search_experiments()
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield address


def answers(pieces):
    """Serve what `pieces` makes, whatever is asked."""
    return lambda *_: hostile(lambda _: pieces(), Mlflow())


@contextmanager
def passing(server: str, *given):
    """Stand before the server: see `before`."""
    with before(server, *given) as (address, _):
        yield address


def page() -> list[bytes]:
    """Return a page of runs that names a further one."""
    run = {"info": {"run_id": "a", "experiment_id": "0"}, "data": {}}
    return answered({"runs": [run], "next_page_token": str(time.monotonic_ns())})


FAULTS = {
    "no server": absent,
    "no answer": deaf,
    "500": answers(lambda: answered(b"x" * 10_000_000, 500)),
    "HTML": answers(lambda: answered(b"<html><h1>Sign in</h1></html>", headers=["Content-Type: text/html"])),
    "truncated JSON": answers(lambda: [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b'{"experi']),
    "pages without end": answers(page),
    "locked SQLite": locked,
    "a wrong password": answers(lambda: answered(b"You are not authenticated.", 401)),
    "a store to read": lambda _, server: passing(server, 0, lambda _: False, None, ("/create", 403)),
    "3 s a request": lambda _, server: passing(server, 3),
    "a full disk": None,
}


def ended(project: Project, *command: str, **variables: str) -> tuple[int, str, str]:
    """Run the command; return its exit code and what it printed to standard output and error."""
    began = time.monotonic()
    process = subprocess.run(
        command, cwd=project.folder, env=project.environment() | variables, text=True, check=False,
        stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
    )  # fmt: skip
    print(f"exit {process.returncode}, {time.monotonic() - began:.0f} s: {process.stderr}")
    return process.returncode, process.stdout, process.stderr


@pytest.mark.parametrize("fault", FAULTS)
def test_a_store_with_a_fault_changes_no_result_and_gets_the_run_later(fault, project, server, tmp_path):
    for change in LIMITS:
        project.edit(*change)
    files, warning = project.contents(), r"warning: MLflow was not updated \(.{1,600}\); `make track` retries\n"
    for name in ("tmp", "store"):
        (tmp_path / name).mkdir()
    variables = {"TMPDIR": str(tmp_path / "tmp")}
    if fault == "a full disk":  # a limit of 4 KB a file
        code, printed, complaint = ended(project, "bash", "-c", "ulimit -f 4; exec python src/track.py", **variables)
    else:
        with FAULTS[fault](tmp_path / "store", server.uri) as address:
            variables |= {"MLFLOW_TRACKING_URI": address}
            code, printed, complaint = ended(project, "python", "src/track.py", **variables)
            own = {"PYTHONPATH": str(project.folder / "src")}  # `charloom`, too, has the limits of the project
            if fault != "3 s a request":
                sample = ("charloom", "sample", "--model", "models:/charloom-fox@best", "--length", "20")
                refused, sampled, line = ended(project, *sample, **variables, **own)
                assert (refused in {2, 3, 5}, sampled, line.count("\n")) == (True, "", 1)
                assert not list((tmp_path / "tmp").iterdir())
    assert (code, "MLflow run" in printed) == (0, False)
    assert re.fullmatch(warning, complaint)
    assert len(waiting(project)) == (fault != "a full disk")
    assert {name: content for name, content in project.contents().items() if name in files} == files
    assert "MLflow run " in project.run("charloom", "track", MLFLOW_TRACKING_URI=server.uri)
    (run,) = project.runs(server.uri)
    holds_what_the_files_hold(project, project.client(server.uri), run)
    assert not waiting(project)
