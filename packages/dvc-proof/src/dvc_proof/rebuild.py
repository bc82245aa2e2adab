"""Rebuild results from sources only: run stages in a clone without outputs, caches and Git history."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from dvc_proof.git import OF_A_REPOSITORY, git

STARTS = "Running stage '"  # DVC prints this when a stage starts
AS_COMMITTED = ("-c", "core.autocrlf=false", "-c", "core.eol=lf")  # no conversion of line ends by the user's settings


class Failed(Exception):
    """A stage failed.

    stage    its name; `dvc` if DVC failed before the first stage
    printed  the output of DVC and all stages
    """

    def __init__(self, stage: str, printed: str) -> None:
        """Store the stage's name and the output."""
        super().__init__(stage)
        self.stage, self.printed = stage, printed


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


def keep_sources_alone(root: Path, outputs: Iterable[str]) -> None:
    """Remove outputs, compiled Python files, DVC's cache and Git's history from the clone: they contain results.

    root     the project's folder in the clone
    outputs  paths of outputs, dvc.lock files and other results, relative to root

    DVC gets settings that keep its cache inside the clone.
    """
    top = Path(git("rev-parse", "--show-toplevel", folder=root))
    bytecode = [path for name in ("__pycache__", "*.pyc") for path in top.rglob(name)]
    for path in (*bytecode, root / ".dvc/cache", top / ".git", *(root / output for output in outputs)):
        remove(path)
    git("init", "--quiet", "--template=", folder=top)
    if (root / ".dvc").is_dir():  # the committed DVC settings may name folders outside the clone
        site = root / ".dvc/tmp/site"
        config = f"[cache]\n    dir = cache\n[core]\n    site_cache_dir = {site}\n"
        (root / ".dvc/config.local").write_text(config, encoding="utf-8")


def run_stages(
    root: Path, arguments: Iterable[str], say: Callable[[str], object], other: Callable[[str], object], **variables: str
) -> None:
    """Run `dvc repro --force` in a clone.

    root       the project's folder in the clone
    arguments  names of stages, or options of `dvc repro`
    say        called with `rebuilding NAME` when a stage starts
    other      called with every other line that DVC and the stages print
    variables  environment variables for the stages, besides those of this process without DVC's and MLflow's

    Processes that the stages have left are terminated. Raises Failed if a stage fails.
    """
    foreign = ("DVC_", "MLFLOW_", *OF_A_REPOSITORY)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    own, paths = str(Path(__file__).parents[1]), environment.get("PYTHONPATH", "").split(os.pathsep)
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path != own)  # it has modules of other names
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"  # this Python comes first
    last, lines = "dvc", list[str]()
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "dvc", "repro", "--force", *arguments],  # -P: no code of this folder
        cwd=root, env=environment | variables, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        try:
            for line in process.stdout or ():
                lines.append(line)
                if line.startswith(STARTS):
                    last = line.removeprefix(STARTS).rpartition("'")[0]
                    say(f"rebuilding {last}")
                else:
                    other(line.strip())
        finally:  # also after Ctrl-C
            if process.poll() is None and sys.exc_info()[0]:
                process.terminate()
            _end_processes(root)
    if process.returncode:
        raise Failed(last, "".join(lines))


def remove(path: Path) -> None:
    """Remove the file, the folder with its content, or the symbolic link. A missing file is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _end_processes(folder: Path) -> None:
    """Terminate processes whose working folder is in this folder: stages start some for compilation or for MLflow.

    Wait at most 5 seconds for their end.
    """
    processes = psutil.process_iter(["cwd"])  # None if the system does not tell it
    running = [process for process in processes if Path(process.info["cwd"] or "/").is_relative_to(folder.resolve())]
    for process in running:
        with suppress(psutil.Error):  # it has ended
            process.terminate()
    psutil.wait_procs(running, timeout=5)
