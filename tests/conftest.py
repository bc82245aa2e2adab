"""A small project of its own for each test that runs the real pipeline: real DVC, a real MLflow store."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

ROOT = Path(__file__).resolve().parent.parent
PARTS = (
    "src",
    "dvc.yaml",
    "params.yaml",
    "data/dd2424_report.yaml",
    ".dvc/config",
    ".dvc/.gitignore",
    ".dvcignore",
    "signature.json",
)
TEXT = "the quick brown fox jumps over the lazy dog — and naps. " * 40
SMALL = {
    "m: 100": "m: 8",
    "seq_length: 25": "seq_length: 10",
    "data/moby_dick.txt": "data/fox.txt",
    "updates: 100000": "updates: 400",
    "checkpoint_every: 10000": "checkpoint_every: 200",
    "save_every: 10000": "save_every: 100",
    "best_length: 1000": "best_length: 50",
}


class Project:
    """A copy of the project in a Git repository of its own, with small settings."""

    def __init__(self, folder: Path):
        self.folder = folder

    def environment(self) -> dict[str, str]:
        """Return the variables of a command here. Without compiled files each would spend seconds on imports."""
        foreign = ("DVC_", "MLFLOW_", "PYTHONDONTWRITEBYTECODE")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
        return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"}

    def run(self, *command: str, expect: int | None = 0, cwd: Path | None = None, **variables: str) -> str:
        """Run a command here, with the environment's Python first on PATH, and return all that it prints."""
        done = subprocess.run(
            command, cwd=cwd or self.folder, env=self.environment() | variables, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert expect is None or done.returncode == expect, done.stdout
        return done.stdout

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text that has to be there in a file."""
        path = self.folder / name
        content = path.read_text()
        assert old in content
        path.write_text(content.replace(old, new))

    def stages(self, printed: str) -> list[str]:
        """Return the stages that a `dvc repro` ran."""
        return [line.split("'")[1] for line in printed.splitlines() if line.startswith("Running stage")]

    def contents(self) -> dict[str, bytes]:
        """Return every result by its path."""
        folders = ("data/prepared", "metrics", "plots", "models", "reports")
        files = [file for name in folders for file in (self.folder / name).rglob("*") if file.is_file()]
        return {str(file.relative_to(self.folder)): file.read_bytes() for file in files if file.name != ".gitignore"}

    def client(self, store: str = "") -> MlflowClient:
        """Return a client of the MLflow store, or else of this project's own."""
        return MlflowClient(store or f"sqlite:///{self.folder}/mlflow.db")

    def runs(self, store: str = "") -> list:
        """Return every run in the MLflow store, or else in this project's own."""
        client = self.client(store)
        return client.search_runs([e.experiment_id for e in client.search_experiments()])


def pytest_addoption(parser):
    parser.addoption("--thorough", action="store_true", help="the long version of the fault tests: `make faults`")


@pytest.fixture
def thorough(request) -> bool:
    """Whether every point is wanted, and not a choice of them."""
    return request.config.getoption("--thorough")


def make(folder: Path, changes: dict[str, str]) -> Project:
    """Return a project in the folder, with these changes to params.yaml, not yet run."""
    project = Project(folder)
    for part in PARTS:
        target = project.folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, target)
    shutil.copy(ROOT / ".gitignore", project.folder)
    (project.folder / "README.md").write_text("a test\n")
    (project.folder / "data/fox.txt").write_text(TEXT, encoding="utf-8")
    for old, new in changes.items():
        project.edit("params.yaml", old, new)
    project.run("git", "init", "-q")
    project.run("git", "config", "user.name", "a test")
    project.run("git", "config", "user.email", "test@example.invalid")
    return project


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """A small project whose pipeline has run once and is committed. For reading, or for copying."""
    project = make(tmp_path_factory.mktemp("finished"), SMALL)
    project.printed = project.run("dvc", "repro")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-q", "-m", "a finished run")
    return project


@pytest.fixture
def project(finished, tmp_path) -> Project:
    """A copy of the finished project, with an MLflow store still to be made."""
    folder = tmp_path / "project"
    shutil.copytree(finished.folder, folder, symlinks=True, ignore=shutil.ignore_patterns("mlflow.db*", "mlartifacts"))
    return Project(folder)


@pytest.fixture
def long(project):
    """A project whose training takes minutes, saved every few hundredths of a second."""
    project.edit("params.yaml", "updates: 400", "updates: 10000000")
    project.edit("params.yaml", "checkpoint_every: 200", "checkpoint_every: 5000000")
    project.edit("params.yaml", "save_every: 100", "save_every: 5000")
    project.run("python", "src/gradcheck.py")
    return project


def said(project: Project, *arguments: str, given: bytes = b"", code: int = 0) -> tuple[str, str]:
    """Return what `charloom` prints to standard output and to standard error."""
    done = subprocess.run(
        ["charloom", *arguments], cwd=project.folder, env=project.environment(), input=given, capture_output=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr.decode()
    return done.stdout.decode(), done.stderr.decode()


def started(project, *command: str, **variables: str) -> subprocess.Popen:
    """Return the command at work, in a process group of its own; what it prints is in `printed.txt`."""
    with (project.folder / "printed.txt").open("w") as printed:
        return subprocess.Popen(
            command, cwd=project.folder, env=project.environment() | variables, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT,
        )  # fmt: skip


def until(true, seconds=60, every=0.01):
    """Wait until the condition is true; asked every so many seconds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(every)
