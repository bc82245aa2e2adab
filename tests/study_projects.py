"""Studies for tests: a small project with a question, and the workers of a Dask scheduler on this machine."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack, chdir, contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType

from projects import ROOT, Project, said, source, until

from charloom.study.conduct import conduct

QUESTION = (
    "vary: {eta: [0.1, 0.05], train.initial_accumulator_value: [0.0, 10.0]}\nbaseline: {}\nseeds: 4\nlooks: [2, 4]\n"
    "measure: held_out_bits_per_character\n"
)
THREE_SEEDS = "vary: {eta: [0.1, 0.05]}\nbaseline: {}\nseeds: 3\nmeasure: held_out_bits_per_character\n"
TWO_SEEDS = THREE_SEEDS.replace("seeds: 3", "seeds: 2")


def ask(project: Project, question: str = QUESTION, name: str = "a") -> Path:
    """Write the question into a project, and return where its tables will be."""
    file = project.folder / f"studies/{name}.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(question)
    return file.with_suffix("")


def conducted(project: Project, name: str = "a", *, anew: bool = False) -> str:
    """Train what the study still needs, by one process, without MLflow; return what is printed, without estimates."""
    with chdir(project.folder), redirect_stdout(io.StringIO()) as printed:
        conduct(Path(f"studies/{name}.yaml"), 1, None, anew=anew)
    return re.sub(r", about \d.*", "", printed.getvalue())


def refused(project: Project, name: str, *options: str) -> str:
    """Return the one line with which the study is refused; nothing is trained, written or lost."""
    before = {path: path.read_bytes() for path in (project.folder / "studies").rglob("*") if path.is_file()}
    printed, line = said(project, "study", f"studies/{name}.yaml", "--jobs", "1", *options, code=2)
    assert {path: path.read_bytes() for path in (project.folder / "studies").rglob("*") if path.is_file()} == before
    assert (printed, line.count("\n")) == ("", 1)
    return line.removesuffix("\n")


def with_code(project: Project, code: str) -> subprocess.CompletedProcess:
    """Run the code in a process in the project's folder."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", f"from pathlib import Path\nfrom charloom.study.conduct import conduct\n{code}"]
    return subprocess.run(command, cwd=project.folder, env=environment, text=True, capture_output=True, check=False)


def smaller_eta_than_base(project: Project, question: str) -> Path:
    """Commit the answered question as branch `base`, run the pipeline with another eta; return where its tables are."""
    folder = ask(project, question)
    conducted(project)
    project.commit("a study")
    project.run("git", "branch", "base")
    project.edit("params.yaml", "eta: 0.1", "eta: 0.05")
    project.run("dvc", "repro", "-q", "sample")
    return folder


def tables(folder: Path) -> dict[str, bytes]:
    """Return the tables in the folder, and the page, if there is one."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.[chj]*"))}


def rows(project: Project) -> list[str]:
    """Return the rows that the table of study `a` has so far."""
    path = project.folder / "studies/a/trials.csv"
    return path.read_text().splitlines()[1:] if path.exists() else []


class Dask:
    """A real scheduler and its workers, each a process."""

    def __init__(self, folder: Path, stack: ExitStack):
        self.folder, self.stack, self.count = folder, stack, 0
        self.file = folder / "scheduler.json"
        self.scheduler = self.begin("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show",
                                    "--scheduler-file", str(self.file))  # fmt: skip
        until(lambda: self.file.exists() and self.file.read_text())
        self.address = json.loads(self.file.read_text())["address"]

    def begin(self, kind: str, *options: str, **variables: str) -> subprocess.Popen:
        self.count += 1
        log = self.stack.enter_context((self.folder / f"{kind}{self.count}.log").open("w"))
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", kind, *options], env=os.environ | variables, cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        return process

    def worker(self, sources: Path = ROOT / "src") -> subprocess.Popen:
        """Start a worker that has these sources."""
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"]
        options += ["--local-directory", str(self.folder)]
        return self.begin("worker", self.address, *options, PYTHONPATH=str(sources))


@contextmanager
def dask(folder: Path):
    """Give a scheduler without workers; at the end all of it is gone."""
    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        yield Dask(folder, stack)


def other_sources(folder: Path, module: ModuleType, code: str) -> Path:
    """Return a copy of the sources with more code at the end of a module."""
    shutil.copytree(ROOT / "src", folder, ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / source(module).removeprefix("src/")).open("a") as file:
        file.write(code)
    return folder
