"""Whatever a store answers: the results and exit codes of stages are as without one, within memory, time and disk.

The limits of time are shorter here than a user's.
"""

import gzip
import itertools
import os
import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from hostile import Asked, Mlflow, answered, deaf, endless, hostile, slowly, without_end
from projects import Project, copied, until
from stores import free_port

from charloom.base.errors import Unavailable
from charloom.tracking.asking import asked

MEMORY = 1_500_000_000  # bytes of all processes of a command, and of the sender's
SECONDS = 60  # of a command on a busy machine: its imports, and the limits below
LIMITS = {
    "src/track.py": ("SENDING_MAY_TAKE = 45", "SENDING_MAY_TAKE = 15"),
    "src/charloom/commands/inputs.py": ("MODEL_MAY_TAKE = 30", "MODEL_MAY_TAKE = 15"),
}
DISK = 300_000_000  # bytes of temporary files
PLENTY = b"x" * 65536
ESCAPES = "\x1b]0;owned\x07\x1b[31mred\u202e\nwarning: all is well"


def asleep(*first: bytes):
    yield from first
    time.sleep(3600)


def bomb() -> bytes:
    """Return 4 GB of spaces, compressed: a member of 16 MB many times."""
    return gzip.compress(b" " * 2**24) * 256


def pages(entry: dict):
    """Answer a search with a page of runs and a token, for ever."""
    tokens = itertools.count()

    def answer(asked: Asked):
        if not asked.path.split("?")[0].endswith("/search"):
            return None
        return answered({"runs": [entry], "next_page_token": str(next(tokens))})

    return answer


def everywhere(pieces):
    """Misbehave whatever is asked; `pieces` makes the pieces anew each time."""
    return lambda _: pieces()


def said(*arguments, **options):
    return everywhere(lambda: answered(*arguments, **options))


def listing(asked: Asked):
    """List a folder in every folder, and no end of them."""
    if "/mlflow-artifacts/artifacts" in asked.path and asked.method == "GET":
        return answered({"files": [{"path": f"d{n}", "is_dir": True} for n in range(1000)]})
    return None


def upwards(asked: Asked):
    """List files that lie outside."""
    if "/mlflow-artifacts/artifacts" in asked.path and asked.method == "GET":
        return answered({"files": [{"path": "../../../evil", "is_dir": False, "file_size": 4}]})
    return None


def presigned(asked: Asked):
    """Send whoever wants a model to another address for it, for a file of a terabyte."""
    if "server-info" in asked.path:
        return answered({"multipart_downloads_enabled": True, "multipart_uploads_enabled": True})
    if "presigned" in asked.path:
        return answered({"url": "http://127.0.0.1:9/evil", "headers": {}, "file_size": 10**12})
    return answered(b"not a model") if "mlflow-artifacts/artifacts" in asked.path else None


def own_files(asked: Asked):
    """Name a file of ours as the place of artifacts."""
    return


JSON = ("Content-Type: application/json",)
ARTIFACT = "mlflow-artifacts/artifacts"
FAST = {
    "endless JSON": everywhere(lambda: endless(without_end(headers=JSON) + b'{"experiment": "', PLENTY)),
    "deep nesting": said(b'{"a":' * 200_000 + b"1" + b"}" * 200_000),
    "wrong types": said({"experiment": [1, {"experiment_id": {"a": []}}], "runs": 7, "model_version": "no"}),
    "a sign-in page": said(b"<html><h1>Sign in</h1></html>", headers=["Content-Type: text/html"]),
    "301 in a circle": lambda asked: answered(b"", 301, [f"Location: {asked.address}{asked.path}"]),
    "401": said(b"who are you?", 401),
    "403 in colours": said({"error_code": "PERMISSION_DENIED", "message": ESCAPES}, 403),
    "500": said(b"x" * 10_000_000, 500),
    "503 for an hour": said(b"", 503, ["Retry-After: 3600"]),
    "a gzip bomb": everywhere(lambda: answered(bomb(), headers=["Content-Encoding: gzip"])),
    "cut off in the body": everywhere(lambda: [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b'{"experi']),
    "no HTTP": everywhere(lambda: [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(200)]),
    "folders without end": listing,
    "names above the folder": upwards,
    "a model elsewhere, of a terabyte": presigned,
    "a run named in colours": None,
    "artifacts in a file": None,
    "artifacts above": None,
}
SLOW = {
    "deaf": None,
    "asleep in the body": everywhere(lambda: asleep(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")),
    "a body a byte a second": everywhere(
        lambda: itertools.chain([b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n"], slowly(b"{"))
    ),
    "page tokens without end": pages({}),
    "runs without end": pages({"info": {"run_id": "a", "experiment_id": "0"}, "data": {}}),
}
STORES = {
    "a run named in colours": Mlflow(name=ESCAPES),
    "artifacts in a file": Mlflow(artifacts="file:///etc"),
    "artifacts above": Mlflow(artifacts="mlflow-artifacts:/../../../../evil"),
}
TAKEN = {
    "a run named in colours",
    "artifacts above",
    "folders without end",
    "names above the folder",
    "a model elsewhere, of a terabyte",
}


@contextmanager
def store(name: str):
    if name == "refused":
        yield f"http://127.0.0.1:{free_port()}"
    elif name == "deaf":
        with deaf() as address:
            yield address
    else:
        with hostile((FAST | SLOW)[name] or own_files, STORES.get(name) or Mlflow()) as address:
            yield address


class Ended:
    """A command that has ended: its code, what it printed, and the most that it took."""

    def __init__(self, project: Project, *command: str, **variables: str):
        began, self.memory, self.disk = time.monotonic(), 0, 0
        temporary = Path(variables["TMPDIR"])
        process = subprocess.Popen(
            command, cwd=project.folder, env=project.environment() | variables, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        while True:
            with suppress(subprocess.TimeoutExpired):
                self.printed, self.complaint = process.communicate(timeout=0.3)
                break
            at_work = {process.pid, *(each.pid for each in senders(project)), *children(process.pid)}
            self.memory = max(self.memory, sum(map(resident, at_work)))
            self.disk = max(self.disk, size(temporary))
        self.code, self.seconds = process.returncode, time.monotonic() - began


def processes(project: Project) -> list[psutil.Process]:
    """Return those at work in the project."""
    found = []
    for each in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if Path(each.cwd()) == project.folder:
                found.append(each)
    return found


def senders(project: Project) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return [each for each in processes(project) if "charloom.tracking.sender" in each.cmdline()]
    return []


def children(pid: int) -> list[int]:
    with suppress(psutil.Error):
        return [each.pid for each in psutil.Process(pid).children(recursive=True)]
    return []


def resident(pid: int) -> int:
    with suppress(psutil.Error):
        return psutil.Process(pid).memory_info().rss
    return 0


def size(folder: Path) -> int:
    total = 0
    with suppress(FileNotFoundError):  # a folder that is removed at this moment
        for path in folder.rglob("*"):
            with suppress(OSError):
                total += path.stat().st_blocks * 512
    return total


def compiled(longer: Project) -> str:
    """Return where compiled code is kept: a store's time is measured, not the compiler's."""
    return str(longer.folder.parent / "compiled")


@pytest.fixture(scope="module")
def longer(finished, tmp_path_factory):
    """A project whose training takes a second or two, so that it is shown; and what it makes with tracking off."""
    project = copied(finished, tmp_path_factory.mktemp("longer") / "project")
    for old, new in {
        "updates: 400": "updates: 600000",
        "checkpoint_every: 200": "checkpoint_every: 200000",
        "save_every: 100": "save_every: 50000",
    }.items():
        project.edit("params.yaml", old, new)
    for name, change in LIMITS.items():
        project.edit(name, *change)
    for stage in ("prepare", "gradcheck"):
        project.run("python", f"src/{stage}.py")
    project.run("python", str(Path(__file__).with_name("untracked.py")), NUMBA_CACHE_DIR=compiled(project))
    for stage in ("sample", "plot"):
        project.run("python", f"src/{stage}.py")
    project.run("dvc", "commit", "--force", "--quiet", "prepare", "gradcheck", "train", "sample", "plot")
    shutil.rmtree(project.folder / ".charloom")
    return project


def attacked(name: str, longer: Project, folder: Path) -> str:
    """Train, track and ask for a model beside this store; return what was measured."""
    project = Project(folder / "project")
    shutil.copytree(longer.folder, project.folder, symlinks=True)
    outputs = {path: content for path, content in project.contents().items() if not path.startswith("data")}
    for each in ("tmp", "home"):
        (folder / each).mkdir()
    own = {"TMPDIR": str(folder / "tmp"), "HOME": str(folder / "home")}
    own |= {"NUMBA_CACHE_DIR": compiled(longer), "PYTHONPATH": str(project.folder / "src")}
    with store(name) as address, ThreadPoolExecutor() as together:
        own["MLFLOW_TRACKING_URI"] = address
        asked = ("charloom", "sample", "--model", "models:/charloom-fox@best")
        sampled = together.submit(Ended, project, *asked, **own)  # beside the others: each may take its whole time
        train = Ended(project, "python", "src/train.py", **own)
        track = Ended(project, "python", "src/track.py", **own)
        sample = sampled.result()
    told = "\n".join(
        f"{name}: {what}: exit {each.code}, {each.seconds:.0f} s, {each.memory / 1e6:.0f} MB, "
        f"{each.disk / 1e6:.0f} MB of files: {each.complaint!r}"
        for what, each in {"train": train, "track": track, "sample": sample}.items()
    )
    print(told)
    assert (train.code, train.complaint) == (0, ""), told
    assert track.code == 0, told
    assert {path: content for path, content in project.contents().items() if path in outputs} == outputs, told
    line = r"^warning: MLflow not updated \(.{1,600}\); `make track` retries$"
    warned = re.findall(line, track.complaint, re.MULTILINE)
    assert (len(warned), track.complaint.count("\n")) == ((0, 0) if name in TAKEN else (1, 1)), told
    assert track.printed.count("MLflow run") == (name in TAKEN)
    assert len(list((project.folder / ".charloom/spool").glob("[!.]*"))) == (name not in TAKEN), told
    assert sample.code in {2, 3, 5}, told
    assert (sample.printed, sample.complaint.count("\n")) == ("", 1), told
    acts = r"[\x00-\x09\x0b-\x1f\x7f\u202e]|^warning: all|Traceback"
    for each in (train, track, sample):
        assert not re.search(acts, each.printed + each.complaint, re.MULTILINE), told
        assert each.memory < MEMORY, told
        assert each.disk < DISK, told
        assert each.seconds < SECONDS, told
    assert {path.name for path in folder.iterdir()} == {"project", "tmp", "home"}
    assert not list((folder / "tmp").iterdir()), told
    project.end_senders()  # else it tries for two minutes
    until(lambda: not processes(project))
    return told


def test_a_store_has_a_limit_of_memory(finished, monkeypatch):
    with hostile(lambda _: endless(without_end() + b'{"a": "', PLENTY), Mlflow()) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with chdir(finished.folder), pytest.raises(Unavailable, match="the store's answer exceeds the memory limit"):
            asked("print_experiments", seconds=300)


@pytest.mark.parametrize("name", ["refused", *FAST])
def test_a_store_that_misbehaves_changes_nothing(name, longer, tmp_path):
    attacked(name, longer, tmp_path)


@pytest.mark.parametrize("name", SLOW)
def test_a_store_that_takes_its_time_takes_no_longer_than_the_limit(name, longer, tmp_path):
    """One at a time: more at once would measure how MLflow's imports wait for each other."""
    attacked(name, longer, tmp_path)
