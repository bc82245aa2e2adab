"""Whatever the MLflow store does, training's results are the same, its exit code is 0, and its run is sent later.

The limits of time are shorter here than a user's; no command takes more memory, time or disk than allowed.
"""

import gzip
import itertools
import os
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, contextmanager, suppress
from functools import partial
from pathlib import Path

import psutil
import pytest
from hostile import Mlflow, answered, deaf, endless, hostile, slowly, without_end
from mlflow import MlflowClient
from projects import Project, copied
from recorded import holds_what_the_files_hold, sent
from stores import Server, free_port, full_disk, locked

from charloom.base.errors import Unavailable
from charloom.tracking.asking import asked

SECONDS = 90  # of a command on a busy machine: its imports, and the limits below
LIMITS = {
    "src/track.py": ("SENDING_MAY_TAKE = 45", "SENDING_MAY_TAKE = 8"),
    "src/charloom/commands/inputs.py": ("MODEL_MAY_TAKE = 30", "MODEL_MAY_TAKE = 8"),
}
MEMORY = 1_500_000_000  # bytes of all processes of a command, and of a stage's sender
DISK = 300_000_000  # bytes of temporary files
PLENTY = b"x" * 65536
BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n{"


def waiting(project: Project) -> list[Path]:
    """Return what waits in the project's spool."""
    return list((project.folder / ".charloom/spool").glob("[!.]*"))


@contextmanager
def gone(_):
    yield f"http://127.0.0.1:{free_port()}"


@contextmanager
def artifacts_elsewhere(folder: Path):
    evil = folder / "evil"
    server = Server(folder, "--no-serve-artifacts", "--default-artifact-root", evil.as_uri())
    yield server.uri
    server.kill()
    assert not evil.exists()


@contextmanager
def hurt(folder: Path, how):
    """Yield the address of a database that is whole, and then hurt."""
    database = folder / "mlflow.db"
    MlflowClient(f"sqlite:///{database}").search_experiments()
    with how(database) as path:
        yield f"sqlite:///{path or database}"


def answers(pieces):
    """Serve what `pieces` makes, whatever is asked."""
    return lambda _: hostile(lambda _: pieces(), Mlflow())


def asleep():
    yield BODY
    time.sleep(3600)


def page_of(number: int) -> list[bytes]:
    run = {"info": {"run_id": "a", "experiment_id": "0"}, "data": {}}
    return answered({"runs": [run], "next_page_token": str(number)})


def bomb() -> list[bytes]:
    """Return 4 GB of spaces, compressed: a member of 16 MB many times."""
    return answered(gzip.compress(b" " * 2**24) * 256, headers=["Content-Encoding: gzip"])


def endless_json():
    return endless(without_end(headers=["Content-Type: application/json"]) + b'{"experiment": "', PLENTY)


TOKENS = itertools.count()
FAULTS = {
    "down": gone,
    "deaf": lambda _: deaf(),
    "asleep in the body": answers(asleep),
    "a body a byte a second": answers(lambda: itertools.chain([BODY], slowly(b"{"))),
    "pages without end": answers(lambda: page_of(next(TOKENS))),
    "endless JSON": answers(endless_json),
    "a gzip bomb": answers(bomb),
    "locked SQLite": lambda folder: hurt(folder, locked),
    "full disk": lambda folder: hurt(folder, partial(full_disk, folder / "disk")),
    "artifacts elsewhere": artifacts_elsewhere,
}
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a disk")


class Ended:
    """A command that has ended: its code, what it printed, and the most that it took."""

    def __init__(self, project: Project, *command: str, **variables: str):
        began, self.memory, self.disk = time.monotonic(), 0, 0
        process = subprocess.Popen(
            command, cwd=project.folder, env=project.environment() | variables, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        while True:
            with suppress(subprocess.TimeoutExpired):
                self.printed, self.complaint = process.communicate(timeout=0.3)
                break
            with suppress(psutil.Error, FileNotFoundError):
                parts = {psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)}
                parts |= set(project.senders() if command[0] == "python" else ())
                self.memory = max(self.memory, sum(part.memory_info().rss for part in parts))
                files = Path(variables["TMPDIR"]).rglob("*")
                self.disk = max(self.disk, sum(file.stat().st_blocks * 512 for file in files))
        self.code, self.seconds = process.returncode, time.monotonic() - began
        assert (self.memory < MEMORY, self.disk < DISK, self.seconds < SECONDS) == (True, True, True), self

    def __repr__(self):
        measured = f"{self.seconds:.0f} s, {self.memory / 1e6:.0f} MB, {self.disk / 1e6:.0f} MB of files"
        return f"exit {self.code}, {measured}: {self.printed!r} {self.complaint!r}"


@pytest.mark.parametrize(
    "fault", [pytest.param(name, marks=ROOT_ONLY if name == "full disk" else ()) for name in FAULTS]
)
def test_a_store_with_a_fault_changes_no_result_and_is_caught_up_with_later(fault, longer, tmp_path):
    project = copied(longer, tmp_path / "project")
    for name, change in LIMITS.items():
        project.edit(name, *change)
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
        project.end_senders()  # or it would send the run to this store, once that is mended
    with chdir(project.folder):
        sent()
    (run,) = project.runs()
    holds_what_the_files_hold(project, project.client(), run)
    assert not waiting(project)


def test_a_store_has_a_limit_of_memory(finished, monkeypatch):
    with hostile(lambda _: bomb(), Mlflow()) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with chdir(finished.folder), pytest.raises(Unavailable, match="the store's answer exceeds the memory limit"):
            asked("print_experiments", seconds=300)


def test_a_queue_of_two_ends_as_two_experiments_without_a_store_and_as_two_runs_with_one(project):
    for m in ("7", "9"):
        project.run("dvc", "exp", "run", "--queue", "-S", f"m={m}", "-n", f"hidden-{m}")
    away = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"}
    assert project.run("dvc", "exp", "run", "--run-all", **away).count("warning: MLflow was not updated (") == 2
    shown = project.run("dvc", "exp", "show", "--csv")
    assert len(re.findall("^.*hidden-[79].*$", shown, re.MULTILINE)) == 2
    assert project.run("charloom", "track", expect=5, **away).count("\n") == 1
    assert len(waiting(project)) == 3  # this folder's own among them
    assert project.run("charloom", "track").count("MLflow run ") == 3
    runs = {run.data.params["m"]: run for run in project.runs()}
    assert sorted(runs) == ["7", "8", "9"]
    for m in ("7", "9"):
        assert runs[m].info.status == "FINISHED"
        assert runs[m].data.tags["charloom.dvc_experiment"] == f"hidden-{m}"
        assert runs[m].data.tags["charloom.dvc_baseline"] == project.run("git", "rev-parse", "HEAD").strip()
        assert runs[m].data.tags["charloom.trainings"].count(f'"experiment": "hidden-{m}"') == 1
        steps = [point.step for point in project.client().get_metric_history(runs[m].info.run_id, "smooth_loss")]
        assert len(steps) == len(set(steps))
        assert {step for step in steps if step % 100 == 0} == {0, 100, 200, 300, 400}
        assert len(steps) <= 6  # and the lowest point, where it is none of them
    assert not waiting(project)
    assert project.run("charloom", "track").count("\n") == 1
    assert len(project.runs()) == 3


def test_a_run_whose_folder_has_gone_on_since_is_sent_as_it_was(project, tmp_path):
    away = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"}
    project.edit("params.yaml", "m: 8", "m: 9")
    project.edit("src/charloom/tracking/served.py", "import sys\n", "import sys  # here\n")
    project.run("dvc", "repro", **away)
    project.run("git", "checkout", "-q", ".")
    project.edit("params.yaml", "m: 8", "m: 7")
    assert "this folder's run was not sent" in project.run("charloom", "track")
    (run,) = project.runs()
    assert (run.data.params["m"], run.info.status) == ("9", "FINISHED")
    patch = project.client().download_artifacts(run.info.run_id, "uncommitted.diff", str(tmp_path))
    assert "+import sys  # here" in Path(patch).read_text()
    assert not waiting(project)
