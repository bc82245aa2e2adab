"""Rebuild results from sources only: run the stages in a clone without outputs, caches and Git history.

`charloom verify`, `charloom study --prove` and `charloom again` use this module.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from charloom.core.base.errors import CheckFailed, Damaged, Unavailable, WrongInput
from charloom.core.base.storage import sha256
from charloom.core.base.terminal import warn_once
from charloom.core.settings.dvc_lock import LOCK, locked
from charloom.core.settings.pipeline import OWN, PIPELINE, Project, is_inside
from charloom.proof.outputs import outputs
from charloom.results.git import git
from dvc_summary.facts import dvc
from groundwork.lock import Stages
from groundwork.words import in_line

FETCHING_MAY_TAKE = 3600  # seconds for the text
STARTS = "Running stage '"  # DVC prints this when a stage starts
PROGRESS = re.compile(r"[a-z ]+: [\d,]+ of [\d,]+  about ")  # a stage prints such a line every ten seconds
AS_COMMITTED = ("-c", "core.autocrlf=false", "-c", "core.eol=lf")  # no conversion of line ends by the user's settings


class Failed(Exception):
    """A stage failed.

    stage    its name; `dvc` if DVC failed before the first stage
    printed  the output of DVC and all stages
    lock     the stages that ran before it, as in the dvc.lock of this run
    """

    def __init__(self, stage: str, printed: str, lock: Stages) -> None:
        """Store the stage's name, the output, and the stages that ran."""
        super().__init__(stage)
        self.stage, self.printed, self.lock = stage, printed, lock


def checked_out(folder: Path, commit: str, *options: str) -> Project:
    """Clone the commit into the folder, with these options of Git, and return the clone's project."""
    top, place = git("rev-parse", "--show-toplevel"), git("rev-parse", "--show-prefix")
    git(*AS_COMMITTED, "clone", "--quiet", "--no-hardlinks", "--no-checkout", top, str(folder))
    git(*AS_COMMITTED, *options, "checkout", "--quiet", "--detach", commit, folder=folder)
    return Project(folder / place)


def cloned(folder: Path, commit: str, patch: Path | None = None) -> Project:
    """Clone the commit into the folder, apply the patch unless it is empty, and return the clone's project.

    If DVC tracks the text, the text is fetched from DVC's cache or a remote. If DVC fails, there is no text, and a
    warning has DVC's reason.

    Raises CheckFailed if a symbolic link leads out of the clone, Damaged if the patch does not apply, and Unavailable
    if Git fails.
    """
    top, place = git("rev-parse", "--show-toplevel"), git("rev-parse", "--show-prefix")
    project = checked_out(folder, commit)
    if patch and patch.exists() and patch.stat().st_size:
        try:
            git(*AS_COMMITTED, "apply", "--whitespace=nowarn", f"--directory={place}", str(patch), folder=folder)
        except Unavailable as error:
            raise Damaged(f"{patch.name}: not a patch for commit {commit[:7]}: {error}") from None
    _ensure_inside(folder)
    with suppress(WrongInput):  # `contradictions` reports invalid params
        text = project.params().prepare.text
        if not (project.root / text).exists() and (project.root / f"{text}.dvc").exists():
            get = ("get", top, f"{place}{text}", "--rev", commit, "--out", text)
            if complaint := dvc(get, FETCHING_MAY_TAKE, project.root, "unlimited")[1]:
                remove(project.root / text)  # a part of it
                warn_once(str(project.root), in_line(f"{text}: {complaint}"))
    return project


def bring_text(project: Project, text: str, digest: str) -> bool:
    """Copy the text from the working folder into the clone if it has this digest; return whether the clone has it.

    text    the text's path, relative to either folder
    digest  the text's SHA-256

    A text outside the clone is not written.
    """
    target, top = project.root / text, project.root / git("rev-parse", "--show-cdup", folder=project.root)
    if is_inside(target, top) and Path(text).is_file() and sha256(Path(text)) == digest:
        remove(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(text, target)
    return target.is_file() and sha256(target) == digest


def _keep_sources_alone(project: Project) -> None:
    """Remove compiled Python files, DVC's cache and Git's history from the clone, because they could contain results.

    DVC gets settings that keep its cache inside the clone.
    """
    top = Path(git("rev-parse", "--show-toplevel", folder=project.root))
    bytecode = [path for name in ("__pycache__", "*.pyc") for path in top.rglob(name)]
    for path in (*bytecode, project.root / ".dvc/cache", top / ".git"):
        remove(path)
    git("init", "--quiet", "--template=", str(top))
    if (project.root / ".dvc").is_dir():  # the committed DVC settings may name folders outside the clone
        site = project.root / ".dvc/tmp/site"
        config = f"[cache]\n    dir = cache\n[core]\n    site_cache_dir = {site}\n"
        (project.root / ".dvc/config.local").write_text(config, encoding="utf-8")


def rebuilt_lock(project: Project, say: Callable[[object], None], *stages: str, **variables: str) -> Stages:
    """Run stages of a clone from nothing, on its sources alone; return the stages of the dvc.lock of this run.

    say        called with a line when a stage starts, and with the lines of its progress
    stages     names of stages, to run with all stages that they depend on; by default all stages that have outputs
    variables  environment variables for the stages

    dvc.lock and all outputs are removed first, so the result contains exactly the stages that ran. Raises Failed if a
    stage fails, or any stage of the pipeline is frozen, and WrongInput if dvc.yaml is invalid.
    """
    for name, declared in project.stages().items():
        if declared.get("frozen"):
            raise Failed(name, f"{PIPELINE}: {name} is frozen, and DVC does not run it; remove `frozen: true`\n", {})
    results = list(outputs(project))
    _keep_sources_alone(project)
    for path in (*(output.path for output in results), str(LOCK), str(OWN)):
        remove(project.root / path)
    stages = stages or tuple(dict.fromkeys(output.stage for output in results))
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "MLFLOW_"))}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"  # this Python comes first
    last, lines = "dvc", list[str]()
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "dvc", "repro", "--force", *stages],  # -P: no code of this folder
        cwd=project.root, env=environment | variables, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        for line in process.stdout or ():
            lines.append(line)
            if line.startswith(STARTS):
                last = line.removeprefix(STARTS).rpartition("'")[0]
                say(f"rebuilding {last}")
            elif PROGRESS.match(line):
                say(in_line(line.strip()))
    _end_processes(project.root)
    lock = locked(project) if (project.root / LOCK).exists() else {}
    if process.returncode:
        raise Failed(last, "".join(lines), lock)
    return lock


def remove(path: Path) -> None:
    """Remove the file, the folder with its content, or the symbolic link. A missing file is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _ensure_inside(folder: Path) -> None:
    """Raise CheckFailed if a symbolic link in the folder leads out of it: stages would write outside the clone."""
    for path in folder.rglob("*"):
        real = Path(os.path.realpath(path))  # the path itself if it is a link to itself
        if path.is_symlink() and (real.is_symlink() or not real.is_relative_to(folder.resolve())):
            raise CheckFailed(f"first difference: {path.relative_to(folder)}: a link that leads out of the repository")


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
