"""All that is known of a change: what Git, DVC and dvc.lock say."""

import json
import posixpath
import subprocess
import sys
import tempfile
from collections.abc import Container, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from dvc_summary.git import Refused, git
from dvc_summary.locks import Change, Stages, compared, makers_of, stages_of, within

SECONDS = 120  # after which DVC is given up
MISSING = ("deleted", "not in cache")  # what DVC says of a file that nobody has made here


class File(NamedTuple):
    """A file that was changed: lines added and removed (None of a binary file), and the stages that depend on it."""

    path: str
    lines: tuple[int, int] | None
    stages: list[str]


class Facts(NamedTuple):
    """All that is known.

    base, head      commits: where the branch left the base's, and HEAD
    params, metrics, plots   what DVC's `diff --json` says; nothing, and a line in `complaints`, where it fails
    files           those that were changed, without results, and without those whose params are known
    before, after   the stages of base and head
    stale           by stage, inputs and outputs that are not those of HEAD's dvc.lock; empty where it is not known
    uncommitted     whether there are changes that are in no commit
    missing         outputs of HEAD's dvc.lock that Git had at base and has no more
    """

    base: str
    head: str
    params: dict[str, Any]
    metrics: dict[str, Any]
    plots: dict[str, Any]
    files: list[File]
    before: Stages
    after: Stages
    stale: dict[str, list[str]]
    uncommitted: bool
    complaints: list[str]
    missing: tuple[str, ...] = ()

    @property
    def changes(self) -> list[Change]:
        """Return what became of each stage."""
        return compared(self.before, self.after)


def facts_of(ref: str) -> Facts:
    """Return the facts of HEAD beside where its branch left REF's. Raises Refused."""
    git("rev-parse", "--git-dir")
    try:
        tip = git("rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
    except Refused as refused:
        if "ambiguous" in str(refused):
            raise Refused(f"--base: {ref} is a branch and a tag; refs/heads/{ref} is the branch") from None
        raise Refused(f"--base: no commit {ref} here; `git fetch` brings a branch: origin/main, say") from None
    head = git("rev-parse", "--verify", "HEAD")
    try:
        base = git("merge-base", tip, head)
    except Refused:
        shallow = "a clone with all commits has one: `git fetch --unshallow`, or fetch-depth: 0 of actions/checkout"
        raise Refused(f"--base: {ref} and HEAD have no commit in common; {shallow}") from None
    there, names = set(names_in(base)), set(names_in(head))
    if not any(posixpath.basename(path) == "dvc.yaml" for path in names):
        raise Refused("dvc.yaml: none in HEAD, in this folder or below; start it in a DVC project's folder")
    with tempfile.TemporaryDirectory() as folder:  # in the user's own index a file may be marked as not to be looked at
        git("read-tree", head, index=f"{folder}/index")
        uncommitted = bool(git("diff", "--no-ext-diff", "--name-only", head, index=f"{folder}/index"))
    before, after = (stages_of(locks_of(commit), commit[:10]) for commit in (base, head))
    diff = ("diff", "--json", base, head)
    asked = [("params", *diff), ("metrics", *diff), ("plots", *diff, "--split")]
    asked += [] if uncommitted or not after else [("status", "--json")]
    with ThreadPoolExecutor() as pool:
        (params, metrics, plots, *status), complaints = zip(*pool.map(dvc, asked), strict=True)
    files = [file for file in changed_files(base, head, after) if file.path not in params]
    stale = not_of_lock(status[0], after, names) if status else {}
    return Facts(
        base, head, params, metrics, plots.get("data", {}), files, before, after, stale, uncommitted,
        [complaint for complaint in complaints if complaint],
        tuple(out for out in makers_of(after) if out in there and out not in names),
    )  # fmt: skip


def dvc(arguments: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    """Return the JSON that DVC prints, and a complaint, which is empty where all is well."""
    command = [sys.executable, "-P", "-m", "dvc", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return {}, f"dvc {arguments[0]}: no answer within {SECONDS} s"
    said = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    wrong = [*said, f"exit {done.returncode}"] if done.returncode else [line for line in said if "failed" in line]
    try:
        found = json.loads(done.stdout or "{}")
    except ValueError:
        found, wrong = {}, wrong or ["it prints no JSON"]
    return found if isinstance(found, dict) else {}, f"dvc {arguments[0]}: {wrong[0]}" if wrong else ""


def names_in(commit: str) -> list[str]:
    """Return the path of each file in this folder and below, at the commit."""
    return git("ls-tree", "-r", "-z", "--name-only", commit).split("\0")[:-1]


def locks_of(commit: str, folder: Path | None = None) -> dict[str, str]:
    """Return each dvc.lock of the commit by its path, or as it is in the folder. Raises Refused where it is not there.

    Of a commit there may be none.
    """
    paths = [path for path in names_in(commit) if posixpath.basename(path) == "dvc.lock"]
    if folder is None:
        return {path: git("show", f"{commit}:./{path}") for path in paths}
    try:
        return {path: (folder / path).read_text(encoding="utf-8") for path in paths}
    except (OSError, UnicodeError) as error:
        raise Refused(f"--rebuilt: {error}; allowed is a clone of HEAD in which `dvc repro` has run") from None


def changed_files(base: str, head: str, stages: Stages) -> list[File]:
    """Return the files that were changed, results left out; those that a stage depends on come first."""
    made = {out for stage in stages.values() for out in stage.outs}
    found = []
    for line in git("diff", "--numstat", "-z", "--no-renames", "--relative", base, head).split("\0")[:-1]:
        added, removed, path = line.split("\t", 2)
        if posixpath.basename(path) != "dvc.lock" and not any(within(path, out) for out in made):
            users = [name for name, stage in stages.items() if any(within(path, dep) for dep in stage.deps)]
            found.append(File(path, None if added == "-" else (int(added), int(removed)), users))
    return sorted(found, key=lambda file: (not file.stages, file.path))


def not_of_lock(status: Mapping[str, Any], stages: Stages, tracked: Container[str]) -> dict[str, list[str]]:
    """Return by stage what DVC's status says is not as dvc.lock has it: inputs that no stage makes, outputs in Git."""
    made, found = makers_of(stages), dict[str, list[str]]()
    for stage, entries in status.items():
        for entry in entries:
            says = entry if isinstance(entry, dict) else {"changed deps": {"cmd": entry}}  # "changed command"
            own = {path: how for path, how in says.get("changed deps", {}).items() if path not in made}
            own |= {path: how for path, how in says.get("changed outs", {}).items() if path in tracked}
            each = [how if isinstance(how, dict) else {path: how} for path, how in own.items()]  # params: how by name
            names = [name for hows in each for name, how in hows.items() if how not in MISSING]
            if names:
                found.setdefault(stage, []).extend(names)
    return found
