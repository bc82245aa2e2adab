"""Collect the facts about a change from Git, DVC and dvc.lock. Stages are compared by their hashes in dvc.lock."""

import json
import posixpath
import subprocess
import sys
from collections.abc import Container, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

from ruamel.yaml.error import YAMLError

from dvc_proof.git import Refused, git, uncommitted
from dvc_proof.lock import NO_STAGE, Stages, makers_of, parsed, plotted, stages_of, within

PRINTED = 10_000_000  # bytes that DVC may print
MISSING = ("deleted", "not in cache")  # DVC's words for a file that was not made on this machine


class Change(NamedTuple):
    """The comparison of a stage in two commits, or in two dvc.lock files.

    name     name of the stage
    side     `new` if only the second has the stage, `gone` if only the first has the stage; "" if both have it
    same     number of the stage's outputs with equal hashes
    outs     outputs with different hashes, or that only one side has
    inputs   changed params, changed files that no stage makes, and `cmd` if the command changed
    earlier  changed inputs that another stage makes, by path, with the name of that stage
    """

    name: str
    side: str
    same: int
    outs: list[str]
    inputs: list[str]
    earlier: dict[str, str]

    @property
    def apart(self) -> bool:
        """Return whether the stage's outputs differ, or only one side has the stage."""
        return bool(self.side or self.outs)


class Facts(NamedTuple):
    """The facts about a change.

    base, head      full hashes of the two commits: the merge base and HEAD
    params, metrics  output of `dvc params diff` and `dvc metrics diff`: by file and name, `old`, `new` and `diff`
    plots           changed files that head's dvc.yaml declares as plots
    files           changed files by path, each with the names of HEAD's stages that depend on it; dvc.lock, outputs of
                    stages, and the files in `params` are left out
    before, after   stages of the dvc.lock files at base and head, by name
    stale           by stage, the names of inputs and outputs whose files differ from HEAD's dvc.lock; empty if there
                    are uncommitted changes or HEAD has no stages, because DVC is not asked then; None if DVC fails
    uncommitted     whether there are uncommitted changes
    complaints      a line for each command of DVC that failed or reported a failure; the command's output may be empty
    """

    base: str
    head: str
    params: dict[str, Any]
    metrics: dict[str, Any]
    plots: list[str]
    files: dict[str, list[str]]
    before: Stages
    after: Stages
    stale: dict[str, list[str]] | None
    uncommitted: bool
    complaints: list[str]

    @property
    def changes(self) -> list[Change]:
        """Return a Change for each stage that base or head has, also for stages that are equal."""
        return compare_outputs(self.before, self.after)

    def is_known(self, what: str) -> bool:
        """Return whether `params` or `metrics` is what DVC found: `dvc params diff` or `dvc metrics diff` succeeded."""
        return not any(complaint.startswith(f"dvc {what}:") for complaint in self.complaints)


def facts_of(ref: str) -> Facts:
    """Return the facts about the change from the merge base of `ref` and HEAD to HEAD.

    Raises Refused if `ref` is no commit, names both a branch and a tag, or has no commit in common with HEAD; if HEAD
    has no dvc.yaml in this folder or below, or a dvc.lock is invalid; and if Git fails.
    """
    head = git("rev-parse", "--verify", "HEAD")
    try:
        tip = git("rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
    except Refused as refused:
        if "ambiguous" in str(refused):
            raise Refused(f"--base: {ref} is both a branch and a tag; for the branch, give refs/heads/{ref}") from None
        raise Refused(f"--base: no commit {ref} here; `git fetch` brings a branch such as origin/main") from None
    try:
        base = git("merge-base", tip, head)
    except Refused:
        shallow = "if this clone is shallow, `git fetch --unshallow` (fetch-depth: 0 of actions/checkout) completes it"
        raise Refused(f"--base: {ref} and HEAD have no commit in common; {shallow}") from None
    old_names, names = (git("ls-tree", "-r", "-z", "--name-only", commit).split("\0")[:-1] for commit in (base, head))
    if not any(posixpath.basename(path) == "dvc.yaml" for path in names):
        raise Refused("HEAD has no dvc.yaml in this folder or below; start the command in a DVC project's folder")
    edited = uncommitted()
    before, after = (
        stages_of({path: git("show", f"{commit}:./{path}") for path in paths if is_lock(path)})
        for commit, paths in ((base, old_names), (head, names))
    )
    diff = ("diff", "--json", base, head)
    commands: list[tuple[str, ...]] = [("params", *diff), ("metrics", *diff)]
    commands += [] if edited or not after else [("status", "--json")]
    with ThreadPoolExecutor() as pool:
        (params, metrics, *status), complaints = zip(*pool.map(dvc, commands), strict=True)
    paths = git("diff", "--name-only", "-z", "--no-renames", "--relative", base, head).split("\0")[:-1]
    files = _with_readers([path for path in paths if path not in params and not is_lock(path)], after)
    plots = _plots(paths, head, names)
    stale = None if any(complaints[2:]) else not_of_lock(status[0] if status else {}, after, names)
    return Facts(base, head, params, metrics, plots, files, before, after, stale, edited, [*filter(None, complaints)])


def dvc(arguments: tuple[str, ...], seconds: float = 120, memory: str = "2000000") -> tuple[dict[str, Any], str]:
    """Run DVC; return the JSON object that DVC prints, and a complaint: one line for the user, or "".

    The complaint is DVC's first message if DVC exits with an error or prints a message with the word "failed". The
    object is empty if DVC does not finish within `seconds`, or prints no JSON object, or more than PRINTED bytes.

    seconds  timeout
    memory   kilobytes that DVC may use, because a few lines of YAML aliases can expand to billions of values
    """
    limited = ["sh", "-c", 'ulimit -d "$0" 2> /dev/null; exec "$@"', memory]
    command = [*limited, sys.executable, "-P", "-m", "dvc", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired:
        return {}, f"dvc {arguments[0]}: no answer within {seconds} s"
    lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    lines = lines if done.returncode >= 0 else [f"signal {-done.returncode}; it may use {memory} kB of memory"]
    errors = [*lines, f"exit {done.returncode}"] if done.returncode else [line for line in lines if "failed" in line]
    try:
        printed = json.loads(done.stdout[:PRINTED] or "{}")
    except ValueError:
        printed, errors = {}, errors or [f"DVC printed no JSON, or more than {PRINTED:,} bytes"]
    return printed if isinstance(printed, dict) else {}, f"dvc {arguments[0]}: {errors[0]}" if errors else ""


def is_lock(path: str) -> bool:
    """Return whether the path is that of a dvc.lock, in this folder or below."""
    return posixpath.basename(path) == "dvc.lock"


def _with_readers(paths: Iterable[str], stages: Stages) -> dict[str, list[str]]:
    """Return, for each path that is no output of a stage, the names of the stages that depend on the file.

    Files that a stage depends on come first; each group is sorted by path. A renamed file counts as two files.
    """
    outs = {out for stage in stages.values() for out in stage.outs}
    files = {
        path: [name for name, stage in stages.items() if any(within(path, dep) for dep in stage.deps)]
        for path in paths
        if not any(within(path, out) for out in outs)
    }
    return dict(sorted(files.items(), key=lambda file: (not file[1], file[0])))


def _plots(paths: Iterable[str], head: str, names: Iterable[str]) -> list[str]:
    """Return the changed paths that a dvc.yaml declares as plots.

    paths  the changed paths
    head   the commit whose dvc.yaml files are read
    names  all paths in that commit
    """
    declared = list[str]()
    for file in (name for name in names if posixpath.basename(name) == "dvc.yaml"):
        with suppress(YAMLError, ValueError, AttributeError, TypeError):  # DVC complains about it
            content = parsed(git("show", f"{head}:./{file}"))
            for part in (content, *content.get("stages", {}).values()):
                plots = plotted(part.get("plots", []))
                declared += [posixpath.normpath(posixpath.join(posixpath.dirname(file), name)) for name in plots]
    return [path for path in paths if any(within(path, plot) for plot in declared)]


def not_of_lock(status: Mapping[str, Any], stages: Stages, tracked: Container[str]) -> dict[str, list[str]]:
    """Return by stage the names of files and params that differ from dvc.lock.

    Only inputs that no stage makes and outputs in Git count. A file that is missing on this machine does not count.

    status   output of `dvc status --json`
    stages   HEAD's stages by name
    tracked  paths that Git tracks
    """
    makers, stale = makers_of(stages), dict[str, list[str]]()
    for stage, entries in status.items():
        for entry in entries:
            changes = entry if isinstance(entry, dict) else {"changed deps": {"cmd": entry}}  # "changed command"
            own = {path: how for path, how in changes.get("changed deps", {}).items() if path not in makers}
            own |= {path: how for path, how in changes.get("changed outs", {}).items() if path in tracked}
            # A file with params has a mapping from each param to its change.
            by_name = [how if isinstance(how, dict) else {path: how} for path, how in own.items()]
            names = [name for hows in by_name for name, how in hows.items() if how not in MISSING]
            if names:
                stale.setdefault(stage, []).extend(names)
    return stale


def compare_outputs(before: Stages, after: Stages) -> list[Change]:
    """Return a Change for every stage: first the stages of `before` in order, then those that only `after` has."""
    makers, changes = makers_of(before | after), []
    for name in before | after:
        one, other = before.get(name, NO_STAGE), after.get(name, NO_STAGE)
        side = "" if name in before and name in after else "new" if name in after else "gone"
        deps, cmd = _differ(one.deps, other.deps), ["cmd"] if one.cmd != other.cmd else []
        inputs = [*sorted(_differ(one.params, other.params)), *(dep for dep in deps if dep not in makers), *cmd]
        earlier = {dep: makers[dep] for dep in deps if dep in makers}
        outs = _differ(one.outs, other.outs)
        changes.append(Change(name, side, len(other.outs.keys() - outs), outs, inputs, earlier))
    return changes


def _differ(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    return [name for name in first | second if name not in first or name not in second or first[name] != second[name]]
