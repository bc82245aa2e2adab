"""Rebuild results from sources only: run stages in a clone without outputs, caches and history of results."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event, Timer
from types import MappingProxyType
from typing import NamedTuple

import psutil

from dvc_proof.git import OF_A_REPOSITORY, git
from dvc_proof.words import in_line

STARTS = "Running stage '"  # DVC prints this when a stage starts
OF_DVC = ("WARNING: ", "ERROR: ", "> ")  # begin lines that DVC prints about a stage
FAILED = "it failed"
LONG = 120  # characters of a line of a stage, at most
NOBODY = (
    "-c",
    "user.name=dvc-proof",
    "-c",
    "user.email=dvc-proof@localhost",
    "-c",
    "commit.gpgSign=false",
    "-c",
    "core.hooksPath=/dev/null",
)
AS_COMMITTED = ("-c", "core.autocrlf=false", "-c", "core.eol=lf")  # no conversion of line ends by the user's settings


class Ran(NamedTuple):
    """The end of a run of stages.

    started  what each started stage printed, by name, in the order of their starts
    printed  everything that DVC and the stages printed
    passed   whether no stage failed
    late     whether the time was over, so that the run was ended
    """

    started: dict[str, list[str]]
    printed: str
    passed: bool
    late: bool

    @property
    def failed(self) -> str:
        """Return the name of the first stage that failed; `dvc` if DVC failed before the first stage."""
        warned = (name for name, lines in self.started.items() if any(line.startswith(OF_DVC[0]) for line in lines))
        return next(warned, "dvc")

    def reason(self, stage: str) -> str:
        """Return why a stage has no results: the last line that it printed, or the time, or that it never started."""
        if stage not in self.started:
            return (
                "the time was over"
                if self.late
                else "it did not start: an input is missing, or an earlier stage failed"
            )
        own = [line for line in self.started[stage] if line and not line.startswith(OF_DVC)]
        last = own[-1] if own else "it printed nothing"
        return (
            "the time was over" if self.late and stage == [*self.started][-1] else f"{FAILED}: {in_line(last)[:LONG]}"
        )


def checked_out(folder: Path, commit: str, *options: str) -> Path:
    """Clone the commit into the folder, with these options of Git; return this project's folder in the clone."""
    top, place = git("rev-parse", "--show-toplevel"), git("rev-parse", "--show-prefix")
    git(*AS_COMMITTED, "clone", "--quiet", "--no-hardlinks", "--no-checkout", top, str(folder), folder=folder.parent)
    git(*AS_COMMITTED, *options, "checkout", "--quiet", "--detach", commit, folder=folder)
    return folder / place


def outward_link(folder: Path) -> Path | None:
    """Return a symbolic link in the folder that leads out of it, or None: stages would write outside the clone."""
    for path in folder.rglob("*"):
        real = Path(os.path.realpath(path))  # the path itself if it is a link to itself
        if path.is_symlink() and (real.is_symlink() or not real.is_relative_to(folder.resolve())):
            return path.relative_to(folder)
    return None


def keep_sources_alone(root: Path, outputs: Iterable[str], data: Iterable[str] = ()) -> None:
    """Remove outputs, compiled Python files, DVC's cache and Git's history from the clone: they contain results.

    root     the project's folder in the clone
    outputs  paths of outputs, dvc.lock files and other results, relative to root
    data     paths of data that DVC tracks: DVC runs no stage that reads data which is in Git, too

    The clone becomes a repository with one commit of the other files, on the branch of HEAD in the working folder, with
    the user's name if that repository has one: stages with DVCLive read these. DVC keeps its cache inside the clone.
    """
    top = Path(git("rev-parse", "--show-toplevel", folder=root))
    bytecode = [path for name in ("__pycache__", "*.pyc") for path in top.rglob(name)]
    for path in (*bytecode, root / ".dvc/cache", top / ".git", *(root / output for output in outputs)):
        remove(path)
    if (root / ".dvc").is_dir():  # the committed DVC settings may name folders outside the clone
        site = root / ".dvc/tmp/site"
        config = f"[cache]\n    dir = cache\n[core]\n    site_cache_dir = {site}\n"
        (root / ".dvc/config.local").write_text(config, encoding="utf-8")
    git("init", "--quiet", "--template=", folder=top)
    (top / ".git/info").mkdir(exist_ok=True)
    (top / ".git/info/attributes").write_text("* -text -filter -ident -working-tree-encoding\n", encoding="utf-8")
    branch = git("symbolic-ref", "--quiet", "--short", "HEAD", empty=1)
    if branch:
        git("symbolic-ref", "HEAD", f"refs/heads/{branch}", folder=top)
    git("add", "--all", folder=top)
    git("--literal-pathspecs", "rm", "-r", "--quiet", "--cached", "--ignore-unmatch", "--", ".git", *data, folder=root)
    git(*NOBODY, "commit", "--quiet", "--allow-empty", "--no-verify", "--message=without results", folder=top)
    if not branch:
        git("checkout", "--quiet", "--detach", folder=top)
    for name in ("user.name", "user.email"):
        if value := git("config", "--local", name, empty=1):
            git("config", name, value, folder=top)


def run_stages(
    root: Path, arguments: Iterable[str], say: Callable[[str], object], other: Callable[[str], object] = lambda _: None,
    seconds: float | None = None, variables: Mapping[str, str] = MappingProxyType({}),
) -> Ran:  # fmt: skip
    """Run `dvc repro --force` in a clone; a stage that fails stops only the stages that need its outputs.

    root       the project's folder in the clone
    arguments  names of stages, or options of `dvc repro`
    say        called with `rebuilding NAME` when a stage starts
    other      called with every other line that DVC and the stages print
    seconds    the time after which DVC and the stages are ended
    variables  environment variables for the stages, besides those of this process without DVC's and MLflow's

    Processes that the stages have left are terminated.
    """
    foreign = ("DVC_", "MLFLOW_", *OF_A_REPOSITORY)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    own, paths = str(Path(__file__).parents[1]), environment.get("PYTHONPATH", "").split(os.pathsep)
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path != own)  # it has modules of other names
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"  # this Python comes first
    lines, started, late = list[str](), dict[str, list[str]](), Event()
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "dvc", "repro", "--force", "--keep-going", *arguments],  # -P: none of its code
        cwd=root, env={**environment, **variables}, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip

        def end() -> None:
            late.set()
            _end_processes(root, process.pid)

        timer = Timer(seconds or 0, end)
        if seconds:
            timer.start()
        try:
            for line in process.stdout or ():
                lines.append(line)
                if line.startswith(STARTS):
                    started[name := line.removeprefix(STARTS).rpartition("'")[0]] = []
                    say(f"rebuilding {name}")
                else:
                    [*started.values(), []][max(len(started) - 1, 0)].append(line.strip())
                    other(line.strip())
        finally:  # also after Ctrl-C
            timer.cancel()
            if process.poll() is None and sys.exc_info()[0]:
                process.terminate()
            _end_processes(root)
    return Ran(started, "".join(lines), not process.returncode, late.is_set())


def remove(path: Path) -> None:
    """Remove the file, the folder with its content, or the symbolic link. A missing file is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _end_processes(folder: Path, parent: int = 0) -> None:
    """Terminate processes whose working folder is in this folder: stages start some for compilation or for MLflow.

    `parent` and the processes that it has started are killed. Wait at most 5 seconds for the end of the others.
    """
    with suppress(psutil.Error):
        for process in (*psutil.Process(parent).children(recursive=True), psutil.Process(parent)) if parent else ():
            process.kill()
    processes = psutil.process_iter(["cwd"])  # None if the system does not tell it
    running = [process for process in processes if Path(process.info["cwd"] or "/").is_relative_to(folder.resolve())]
    for process in running:
        with suppress(psutil.Error):  # it has ended
            process.terminate()
    psutil.wait_procs(running, timeout=5)
