"""Rebuild results from sources only: run stages in a clone without outputs, caches and history of results.

`dvc-proof verify`, `charloom again` and `charloom study --prove` run stages with this module.
"""

import json
import os
import posixpath
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from threading import TIMEOUT_MAX, Timer
from time import monotonic
from typing import NamedTuple

import psutil

from dvc_proof.git import OF_A_REPOSITORY, git
from dvc_proof.lock import Stages, parsed, within
from dvc_proof.stages import Pipeline, pipeline_in
from dvc_proof.words import in_line

STARTS = "Running stage '"  # DVC prints this when a stage starts
OF_DVC = ("WARNING: ", "ERROR: ", "> ")  # begin lines that DVC prints about a stage
FAILED = "it failed"
LONG = 120  # characters of a line of a stage, at most
NOBODY = ("-c", "user.name=dvc-proof", "-c", "user.email=dvc-proof@localhost")
NO_HOOKS = ("-c", "commit.gpgSign=false", "-c", "core.hooksPath=/dev/null")
AS_COMMITTED = ("-c", "core.autocrlf=false", "-c", "core.eol=lf")  # no conversion of line ends by the user's settings
Say = Callable[[object], object]


class Rebuilt(NamedTuple):
    """The end of a run of stages.

    started  the lines that each started stage printed, by the stage's name, in the order of the starts
    printed  everything that DVC and the stages printed
    failed   name of the first stage that failed; `dvc` if DVC failed before the first stage; "" if nothing failed
    late     whether the run was ended because it took longer than allowed
    stages   the stages of the dvc.lock files that the run wrote; a stage without results is missing
    """

    started: dict[str, list[str]]
    printed: str
    failed: str
    late: bool
    stages: Stages

    def reason(self, stage: str) -> str:
        """Return a phrase on why a stage has no results.

        Either the time was over, or the stage never started, or it failed: then the phrase has its last printed line.
        """
        if self.late and stage not in [*self.started][:-1]:
            return "the time was over"
        if stage not in self.started:
            return "it did not start: an input is missing, or an earlier stage failed"
        own = [line for line in self.started[stage] if line and not line.startswith(OF_DVC)]
        return f"{FAILED}: {in_line(own[-1] if own else 'it printed nothing')[:LONG]}"


def checked_out(folder: Path, commit: str, *options: str) -> Path:
    """Clone the commit into the folder; return this project's folder in the clone.

    options  Git's options for the checkout: `-c core.symlinks=false`
    """
    top, place = git("rev-parse", "--show-toplevel"), git("rev-parse", "--show-prefix")
    git(*AS_COMMITTED, "clone", "--quiet", "--no-hardlinks", "--no-checkout", top, str(folder), folder=folder.parent)
    git(*AS_COMMITTED, *options, "checkout", "--quiet", "--detach", commit, folder=folder)
    return folder / place


def outward_link(folder: Path) -> Path | None:
    """Return the path, relative to the folder, of a symbolic link that leads out of the folder; None if there is none.

    A stage would write outside the clone through such a link.
    """
    for path in folder.rglob("*"):
        real = Path(os.path.realpath(path))  # the path itself if it is a link to itself
        if path.is_symlink() and (real.is_symlink() or not real.is_relative_to(folder.resolve())):
            return path.relative_to(folder)
    return None


def rebuild(
    root: Path, pipeline: Pipeline, names: Collection[str], say: Say, heard: Say, variables: dict[str, str],
    without: Collection[str] = (), seconds: float | None = None,
) -> Rebuilt:  # fmt: skip
    """Remove everything except sources from a clone, run stages in it, and return the end of the run.

    A stage that fails stops only the stages that need its outputs. Processes that the stages leave running are ended.

    root       the project's folder in the clone
    pipeline   the pipeline of the commit
    names      names of stages; the stages that they need run, too
    say        called with `rebuilding NAME` when a stage starts
    heard      called with every other line that DVC and the stages print
    variables  environment variables added for the stages; variables of this process for DVC or MLflow are dropped
    without    further paths that the clone must not have, relative to root
    seconds    the time after which DVC and the stages are ended
    """
    _keep_sources_alone(root, pipeline, without)
    if not names:
        return Rebuilt({}, "", "", False, {})
    foreign = ("DVC_", "MLFLOW_", *OF_A_REPOSITORY)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"  # this Python comes first
    printed, started, stage_lines, start = list[str](), dict[str, list[str]](), list[str](), monotonic()
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "dvc", "repro", "--force", "--keep-going", *names],  # -P: none of its code
        cwd=root, env={**environment, **variables}, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        timer = Timer(seconds or TIMEOUT_MAX, _end_processes, [root])
        timer.start()
        try:
            for line in process.stdout or ():
                printed.append(line)
                if line.startswith(STARTS):
                    name = line.removeprefix(STARTS).rpartition("'")[0]
                    stage_lines = started[name] = []
                    say(f"rebuilding {name}")
                else:
                    stage_lines.append(line.strip())
                    heard(line.strip())
            process.wait()
        finally:  # also after Ctrl-C
            timer.cancel()
            _end_processes(root)
    warned = (name for name, lines in started.items() if any(line.startswith(OF_DVC[0]) for line in lines))
    failed, late = next(warned, "dvc") if process.returncode else "", monotonic() - start > (seconds or TIMEOUT_MAX)
    return Rebuilt(started, "".join(printed), failed, late, pipeline_in(root).locked)


def _results(pipeline: Pipeline) -> Iterator[str]:
    """Yield the paths of files that contain results. They are removed from a clone before stages run in it."""
    deps = [dep for stage in pipeline.stages.values() for dep in stage.deps]
    yield from (path for path in pipeline.shown if not any(within(dep, path) or within(path, dep) for dep in deps))
    for name, stage in pipeline.stages.items():
        yield posixpath.join(posixpath.dirname(name.rpartition(":")[0]), "dvc.lock")
        yield from () if stage.frozen else stage.outs


def _keep_sources_alone(root: Path, pipeline: Pipeline, without: Collection[str]) -> None:
    """Remove results, the paths `without`, compiled Python files, DVC's cache and Git's history from the clone.

    The clone becomes a repository with one commit of the other files. Its branch, user.name and user.email are those of
    the repository in the working folder: stages with DVCLive read them. Data that DVC tracks is not committed, because
    DVC runs no stage that reads tracked data in Git. DVC keeps its cache inside the clone.
    """
    for file in (root / file for file, imported in pipeline.tracked.items() if imported.deps):
        content = parsed(file.read_text(encoding="utf-8"))  # DVC would ask the source of imported data for news
        file.write_text(json.dumps({key: content[key] for key in content if key not in {"deps", "frozen", "md5"}}))
    top = Path(git("rev-parse", "--show-toplevel", folder=root))
    bytecode = [path for name in ("__pycache__", "*.pyc") for path in top.rglob(name)]
    results, data = [*_results(pipeline), *without], [path for file in pipeline.tracked.values() for path in file.outs]
    for path in (*bytecode, root / ".dvc/cache", top / ".git", *(root / result for result in results)):
        remove(path)
    # The committed DVC settings may name folders outside the clone.
    config = f"[cache]\n    dir = cache\n[core]\n    site_cache_dir = {root / '.dvc/tmp/site'}\n"
    (root / ".dvc/config.local").write_text(config, encoding="utf-8")
    branch = git("symbolic-ref", "--quiet", "--short", "HEAD", empty=1)
    git("init", "--quiet", "--template=", f"--initial-branch={branch or 'main'}", folder=top)
    (top / ".git/info").mkdir(exist_ok=True)
    (top / ".git/info/attributes").write_text("* -text -filter -ident -working-tree-encoding\n", encoding="utf-8")
    git("add", "--all", folder=top)
    git("--literal-pathspecs", "rm", "-r", "--quiet", "--cached", "--ignore-unmatch", "--", ".git", *data, folder=root)
    git(*NOBODY, *NO_HOOKS, "commit", "--quiet", "--allow-empty", "--message=without results", folder=top)
    if not branch:
        git("checkout", "--quiet", "--detach", folder=top)
    for name in ("user.name", "user.email"):
        if value := git("config", "--local", name, empty=1):
            git("config", name, value, folder=top)


def remove(path: Path) -> None:
    """Remove the file, the folder with its content, or the symbolic link. A missing file is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _end_processes(folder: Path) -> None:
    """End the processes whose working folder is in this folder, and the processes that they have started.

    A process that has not ended after 5 seconds is killed.
    """
    everything = psutil.process_iter(["cwd"])  # None if the system does not tell it
    running = {one for one in everything if Path(one.info["cwd"] or "/").is_relative_to(folder.resolve())}
    for process in [*running]:
        with suppress(psutil.Error):  # it has ended
            running.update(process.children(recursive=True))
    for process in running:
        with suppress(psutil.Error):
            process.terminate()
    for process in psutil.wait_procs(running, timeout=5)[1]:
        with suppress(psutil.Error):
            process.kill()
