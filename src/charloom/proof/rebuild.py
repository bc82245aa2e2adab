"""Rebuild results from sources alone: a folder without outputs, caches and history, and the dvc.lock of its stages.

The one mechanism behind `charloom verify` and `charloom study --prove`.
"""

import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from charloom.base.errors import CheckFailed, WrongInput
from charloom.proof.dvc_command import dvc
from charloom.proof.outputs import outputs
from charloom.results.git import git
from charloom.settings.dvc_lock import LOCK, locked
from charloom.settings.pipeline import OWN, PIPELINE, Project
from dvc_summary.locks import Stages

ENDING_MAY_TAKE = 5.0  # seconds, of a process that was told to end
STARTS = "Running stage '"  # what DVC prints then
AS_COMMITTED = ("-c", "core.autocrlf=false", "-c", "core.eol=lf")  # whatever line ends the user wants


class Failed(Exception):
    """A stage failed: its name, and all that DVC and the stages printed."""

    def __init__(self, stage: str, printed: str) -> None:
        """Take both."""
        super().__init__(stage)
        self.stage, self.printed = stage, printed


def cloned(folder: Path) -> Project:
    """Return this project in a clone of HEAD, with the text if DVC keeps it: from its cache or a remote."""
    top, place = git("rev-parse", "--show-toplevel"), git("rev-parse", "--show-prefix")
    git(*AS_COMMITTED, "clone", "--quiet", "--no-hardlinks", top, str(folder))
    project = Project(folder / place)
    _ensure_inside(folder)
    with suppress(WrongInput):  # `contradictions` says what is wrong with the params
        text = project.params().prepare.text
        if not (project.root / text).exists() and (project.root / f"{text}.dvc").exists():
            dvc("get", top, f"{place}{text}", "--rev", "HEAD", "--out", text, folder=project.root)
    return project


def keep_sources_alone(project: Project) -> None:
    """Remove from the clone what a stage could take for a result of its own; `rebuilt_lock` removes the outputs.

    That is compiled Python, DVC's cache, and Git's history, which has every result.
    """
    top = Path(git("rev-parse", "--show-toplevel", folder=project.root))
    bytecode = [path for name in ("__pycache__", "*.pyc") for path in top.rglob(name)]
    for path in (*bytecode, project.root / ".dvc/cache", top / ".git"):
        remove(path)
    git("init", "--quiet", "--template=", str(top))
    if (project.root / ".dvc").is_dir():  # HEAD's own settings may name folders elsewhere
        site = project.root / ".dvc/tmp/site"
        config = f"[cache]\n    dir = cache\n[core]\n    site_cache_dir = {site}\n"
        (project.root / ".dvc/config.local").write_text(config, encoding="utf-8")


def rebuilt_lock(
    project: Project, stages: Iterable[str], say: Callable[[object], None] = lambda _: None, **variables: str
) -> Stages:
    """Run these stages, and those before them, from nothing; return the dvc.lock that DVC writes of them.

    As no dvc.lock and no output is there at the start, it has the stages that ran, and the hash of each output as its
    stage ended. Raises Failed, and CheckFailed if a stage is frozen.
    """
    if frozen := [name for name, says in project.stages().items() if says.get("frozen")]:
        raise CheckFailed(f"{PIPELINE}: {', '.join(frozen)}: frozen: DVC does not run it")
    for path in (*(each.path for each in outputs(project)), str(LOCK), str(OWN)):
        remove(project.root / path)
    last = ""

    def hear(line: str) -> None:
        nonlocal last
        if line.startswith(STARTS):
            last = line.removeprefix(STARTS).rpartition("'")[0]
            say(f"rebuilding {last}")

    code, printed = dvc("repro", "--force", *stages, folder=project.root, hear=hear, **variables)
    _end_processes(project.root)
    if code:
        raise Failed(last, printed)
    return locked(project)


def remove(path: Path) -> None:
    """Remove the file, or the folder with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _ensure_inside(folder: Path) -> None:
    """Raise CheckFailed if a link leads out of the folder, or nowhere: what is written there is not the clone's."""
    for path in folder.rglob("*"):
        try:
            inside = not path.is_symlink() or path.resolve().is_relative_to(folder.resolve())
        except (OSError, RuntimeError):  # a link to itself
            inside = False
        if not inside:
            raise CheckFailed(f"first difference: {path.relative_to(folder)}: a link that leads out of the repository")


def _end_processes(folder: Path) -> None:
    """End what stages leave at work in the folder, to compile ahead or to tell MLflow: it would write on there."""
    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if Path(process.cwd()).is_relative_to(folder.resolve()):
                process.terminate()
                left.append(process)
    psutil.wait_procs(left, timeout=ENDING_MAY_TAKE)
