"""Small projects for tests: copies of this one, each in a Git repository of its own, with real DVC and MLflow."""

import gc
import importlib
import inspect
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from types import FunctionType, ModuleType

from charloom.commands import cli
from charloom.core.base.signals import SIGNALS
from charloom.core.base.sources import source_hashes
from charloom.core.config import pipeline

handler = signal.getsignal(signal.SIGINT)  # stages run in this process, too, which goes on after them
from charloom.core.runtime.stage import run_stage  # noqa: E402

signal.signal(signal.SIGINT, handler)
gc.enable()

ROOT = Path(__file__).resolve().parent.parent
PARTS = (
    "src", "dvc.yaml", "params.yaml", "data/dd2424_report.yaml", ".dvc/config", ".dvc/.gitignore", ".dvcignore",
    ".gitignore", "signature.json", "studies/initial_accumulator",
)  # fmt: skip
STUDIES = tuple(ROOT / "studies" / name for name in (  # ours: a user's lie beside them
    "initial_accumulator", "learning_rates", "optimizer", "recipe",
))  # fmt: skip
TEXT = "the quick brown fox jumps over the lazy dog — and naps. " * 40
SMALL = {
    "m: 100": "m: 8", "seq_length: 25": "seq_length: 10", "data/moby_dick.txt": "data/fox.txt",
    "updates: 100000": "updates: 400", "checkpoint_every: 10000": "checkpoint_every: 200",
    "save_every: 10000": "save_every: 100", "best_length: 1000": "best_length: 50",
}  # fmt: skip
OTHER_WEIGHTS = """
def initial(self, K, seed, own=Recipe.initial):
    theta, accumulators = own(self, K, seed)
    theta.flat[:] *= WEIGHT
    return theta, accumulators


Recipe.initial = initial
"""  # for the module of Recipe
NAMED = ("-c", "user.name=a test", "-c", "user.email=test@example.invalid")
ALL_STAGES = (*pipeline.Project(ROOT).stages(),)
STAGES = ALL_STAGES[:-1]  # those that make results


def seed_of_the_week() -> int:
    """Return a seed for drawn moments: another one every week, printed, so that a failure can be made again."""
    seed = int(os.environ.get("WEEK", time.time() // 604_800))
    print(f"WEEK={seed}")
    return seed


def ensure_ready(folder: Path) -> None:
    """Write .venv/.ready as .ci/setup would, so that make takes the .venv in this folder for a finished one."""
    scripts = re.search(
        r"^\[project.scripts\].*?^$\n", (folder / "pyproject.toml").read_text(), re.MULTILINE | re.DOTALL
    )
    sources = sorted(str(path.relative_to(folder)) for path in folder.glob("packages/*/src")) or ["packages/*/src"]
    lock = (folder / "requirements.lock").read_text()
    (folder / ".venv/.ready").write_text(f"{scripts[0]}{' '.join(sources)}\n{lock}")


def variables(*foreign: str) -> dict[str, str]:
    """Return the variables of this process but for those whose names begin so."""
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


def source(of: ModuleType | FunctionType | type) -> str:
    """Return the path of the file that is this module, or defines this function or class, from the project's folder."""
    return str(Path(inspect.getfile(inspect.unwrap(of))).relative_to(ROOT))


class Project:
    """A copy of the project in a Git repository of its own, with small settings."""

    def __init__(self, folder: Path):
        self.folder, self.at_work = folder, list[subprocess.Popen]()

    def environment(self) -> dict[str, str]:
        """Return the variables of a command here. Without compiled files each would spend seconds on imports."""
        kept = variables("DVC_", "MLFLOW_", "PYTEST_", "PYTHONDONTWRITEBYTECODE", "MAKE", "MFLAGS")
        return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"}

    def run(self, *command: str, expect: int | None = 0, cwd: Path | None = None, **variables: str) -> str:
        """Run a command here, with the environment's Python first on PATH, and return all that it prints."""
        done = subprocess.run(
            command, cwd=cwd or self.folder, env=self.environment() | variables, text=True, check=False,
            errors="backslashreplace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert expect is None or done.returncode == expect, done.stdout
        return done.stdout

    def ended(self, stage: str, *arguments: str) -> tuple[int, str]:
        """Return the exit code of a stage of this checkout, run here in this process, and all that it prints."""
        main = importlib.import_module(stage).main
        with chdir(self.folder):
            sources = source_hashes(Path("src"))
            code, printed, complaint = called(lambda: run_stage(main, sys.exit, sources), f"{stage}.py", *arguments)
        return code, printed + complaint

    def stage(self, name: str, *arguments: str, code: int = 0) -> str:
        """Return what a stage prints that has to end with the code: see `ended`."""
        ended, printed = self.ended(name, *arguments)
        assert ended == code, printed
        return printed

    def edit(self, name: str, old: str, new: str, count: int = -1) -> None:
        """Replace text that has to be there in a file: everywhere, or so many times."""
        path = self.folder / name
        content = path.read_text()
        assert old in content
        path.write_text(content.replace(old, new, count))

    def append(self, name: str, text: str = "# edited\n") -> None:
        """Add text to the end of a file."""
        with (self.folder / name).open("a") as file:
            file.write(text)

    def set(self, **values: object) -> None:
        """Give the params of these names other values; of a name that is there twice, the first."""
        path = self.folder / "params.yaml"
        text = path.read_text()
        for name, value in values.items():
            text, count = re.subn(rf"^( *{name}: +)\S+", rf"\g<1>{value}", text, count=1, flags=re.MULTILINE)
            assert count, name
        path.write_text(text)

    def commit(self, message: str = "a commit", *forced: str) -> str:
        """Commit everything, also these files that Git ignores, and return the commit."""
        self.run("git", "add", "-A")
        if forced:
            self.run("git", "add", "-f", *forced)
        self.run("git", *NAMED, "commit", "-q", "--allow-empty", "-m", message)
        return self.run("git", "rev-parse", "HEAD").strip()

    def log(self) -> str:
        """Return what the command that `started` began here has printed so far."""
        return (self.folder / "printed.txt").read_text()

    def stages(self, printed: str) -> list[str]:
        """Return the stages that a `dvc repro` ran."""
        return [line.split("'")[1] for line in printed.splitlines() if line.startswith("Running stage")]

    def clear(self) -> None:
        """Remove what training makes, as DVC does before it runs that stage."""
        for name in ("models", "plots", "metrics/train.json", "metrics/results.json"):
            path = self.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def contents(self) -> dict[str, bytes]:
        """Return every result by its path, without temporary files that a killed process has left."""
        folders = ("data/prepared", "metrics", "plots", "models", "reports")
        files = [file for name in folders for file in (self.folder / name).rglob("[!.]*") if file.is_file()]
        return {str(file.relative_to(self.folder)): file.read_bytes() for file in files}

    def states(self) -> list[Path]:
        """Return the states from which a stopped training would go on, the oldest first."""
        return sorted((self.folder / ".charloom/train").glob("*/*.state"))

    def client(self, store: str = ""):
        """Return a client of the MLflow store, or else of this project's own."""
        mlflow = importlib.import_module("mlflow")  # a second to import, in few tests
        return mlflow.MlflowClient(store or f"sqlite:///{self.folder}/mlflow.db")

    def runs(self, store: str = "") -> list:
        """Return every run in the MLflow store, or else in this project's own, which is not made by asking."""
        if not store and not (self.folder / "mlflow.db").exists():
            return []
        client = self.client(store)
        return client.search_runs([e.experiment_id for e in client.search_experiments()])


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
    (project.folder / "README.md").write_text("a test\n")
    (project.folder / "data/fox.txt").write_text(TEXT, encoding="utf-8")
    for old, new in changes.items():
        project.edit("params.yaml", old, new)
    project.run("git", "init", "-q", "--template=")
    project.run("git", "config", "user.name", "a test")
    project.run("git", "config", "user.email", "test@example.invalid")
    return project


def copied(project: Project, folder: Path) -> Project:
    """Return a copy of the project in the folder, with an MLflow store still to be made."""

    def copy(source: str, target: str) -> None:
        """Python and Git write these files anew, never into them: a link is made in a tenth of the time."""
        (os.link if "/__pycache__/" in source or "/.git/objects/" in source else shutil.copy2)(source, target)

    store = shutil.ignore_patterns("mlflow.db*", ".mlflow.db*", "mlartifacts")
    shutil.copytree(project.folder, folder, symlinks=True, ignore=store, copy_function=copy)
    return Project(folder)


def called(main: Callable[[], object], *argv: str, given: bytes = b"") -> tuple[int, str, str]:
    """Return the exit code of a program run in this process, and what it prints to standard output and error."""
    given_text, *streams = (io.TextIOWrapper(io.BytesIO(each), encoding="utf-8") for each in (given, b"", b""))
    before = sys.argv, sys.stdin
    handlers = {number: signal.getsignal(number) for number in SIGNALS}  # a program leaves the system's own behind
    code: object = "no exit"
    with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
        sys.argv, sys.stdin = list(argv), given_text
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        finally:
            sys.argv, sys.stdin = before
            for number, handler in handlers.items():
                signal.signal(number, handler)
    for stream in streams:
        stream.flush()
    printed, complaint = (stream.buffer.getvalue().decode() for stream in streams)
    assert isinstance(code, int), (code, printed, complaint)
    return code, printed, complaint


def said(project: Project, *arguments: str, given: bytes = b"", code: int = 0) -> tuple[str, str]:
    """Return what `charloom` prints to standard output and to standard error, run in this process."""
    with chdir(project.folder):
        ended, printed, complaint = called(cli.main, "charloom", *arguments, given=given)
    assert ended == code, complaint
    return printed, complaint


def started(project: Project, *command: str, **variables: str) -> subprocess.Popen:
    """Return the command at work, in a process group of its own; what it prints is in `printed.txt`."""
    with (project.folder / "printed.txt").open("w") as printed:
        process = subprocess.Popen(
            command, cwd=project.folder, env=project.environment() | variables, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT,
        )  # fmt: skip
    project.at_work.append(process)
    return process


def until(true: Callable[[], object], seconds: float = 60, every: float = 0.01) -> None:
    """Wait until the condition is true; asked every so many seconds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(every)
