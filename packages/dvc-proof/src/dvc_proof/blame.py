"""Find the commits that changed a result, and the params, inputs or code because of which it changed.

No stage is run: the history of dvc.lock has the hashes of all results.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

from dvc_proof.causes import UNDECLARED
from dvc_proof.data import SHOWN
from dvc_proof.differences import NOTHING, equal, shown, values_of
from dvc_proof.facts import compare_outputs, is_lock
from dvc_proof.git import Refused, git, git_output
from dvc_proof.lock import Stages, makers_of, stages_of, within
from dvc_proof.words import listed


class ResultChange(NamedTuple):
    """A commit that changed a result.

    commit, parent  full hashes of the commit and of its first parent; parent is "" if the commit has none
    line            the line for the user: commit, date, author, both values, and the reason
    stage           name of the stage that makes the result; "" if no dvc.lock of the commit has it
    """

    commit: str
    parent: str
    line: str
    stage: str


def blame(path: str, key: str = "") -> Iterator[ResultChange]:
    """Yield the commits in HEAD's history that changed a result, the newest first.

    A commit changed the result if its value differs from those of all its parents. A file that Git renamed, or an
    output that kept its hash under another path, is followed.

    path  a file or folder, relative to this folder
    key   the name of a value in a JSON or CSV file: `train.loss`; "": the whole output

    Raises Refused if HEAD has no such result.
    """
    log = git("log", "--topo-order", "--format=%H%x00%P%x00%as%x00%an", "HEAD").split("\n")
    entries = (line.split("\0") for line in log)
    history = {commit: (parents.split(), f"{when} {who}") for commit, parents, when, who in entries}
    head, path = next(iter(history)), posixpath.normpath(path)
    if "\n" in path:
        raise Refused(f"{path!r}: no name with a line break is allowed")
    if path.startswith("../"):
        raise Refused(f"{path}: outside this folder; start the command in the DVC project's folder")
    values, paths = _Values(history, key), dict.fromkeys(history, path)
    if values.at(head, path) is NOTHING:
        allowed = "allowed are an output, or FILE:KEY for a value in a JSON or CSV file in Git"
        raise Refused(f"{path}{f':{key}' * bool(key)}: HEAD has no such result; {allowed}")
    for commit, (parents, about) in history.items():
        file, parent = paths[commit], parents[0] if parents else ""
        new, olds = values.at(commit, file), [values.at(parent, file) for parent in parents] or [NOTHING]
        if any(equal(new, old) for old in olds):
            # A parent that has the result under this path may have got another one from a child that renamed it.
            paths |= {one: file for one, old in zip(parents, olds, strict=False) if old is not NOTHING}
            continue
        before, after, old = values.stages(parent), values.stages(commit), olds[0]
        reason = _reason(file, before, after)
        if parent and old is NOTHING and (renamed := _renamed(parent, commit, file, before, after)):
            paths |= dict.fromkeys(git("log", "--format=%H", parent).splitlines(), renamed)
            old = values.at(parent, renamed)
            reason = f"renamed from {renamed}" + (f"; {reason}" if not equal(old, new) else "")
        both = " → ".join(shown(side) if key or side is NOTHING else str(side)[:SHOWN] for side in (old, new))
        merge = "; a merge: none of its parents has this value" * (len(parents) > 1)
        maker = next((name for name, stage in after.items() for out in stage.outs if within(file, out)), "")
        yield ResultChange(commit, parent, f"{commit[:10]} {about}: {both}; {reason}{merge}", maker)


class _Values:
    """The values of a result in all commits, from the files in Git and from dvc.lock."""

    def __init__(self, commits: Iterable[str], key: str) -> None:
        changed = git("log", "--format=", "--name-only", "-z", "--relative", "--", "*dvc.lock").replace("\n", "\0")
        self.commits, self.key = [*commits], key
        self.locks = sorted({name for name in changed.split("\0") if is_lock(name)})
        self.known = dict[str, dict[str, str]]()  # results of `blobs`, by file

    def at(self, commit: str, file: str) -> Any:
        """Return the result's value in a commit; NOTHING if the commit lacks the result.

        If no key is given, the value is the hash of the whole output: Git's hash if the output is a file in Git, else
        the hash in dvc.lock.
        """
        if blob := self.blobs(file)[commit]:
            return _values(file, blob).get(self.key, NOTHING) if self.key else blob
        hashes = (self.locked(lock, self.blobs(lock)[commit], file) for lock in self.locks if not self.key)
        return next(filter(None, hashes), NOTHING)

    def blobs(self, file: str) -> dict[str, str]:
        """Return Git's hash of the file in each commit; "" if the commit lacks it."""
        if file not in self.known:
            given = "".join(f"{commit}:./{file}\n" for commit in self.commits).encode()
            lines = git_output("cat-file", "--batch-check", stdin=given).decode(errors="replace").split("\n")[:-1]
            blobs = (words[0] if words[1:2] == ["blob"] else "" for words in map(str.split, lines))
            self.known[file] = dict(zip(self.commits, blobs, strict=True))
        return self.known[file]

    def stages(self, commit: str) -> Stages:
        """Return the stages in the commit's dvc.lock files; {} if one is invalid (conflict marks), or for commit ""."""
        blobs = {lock: self.blobs(lock)[commit] for lock in self.locks if commit}
        with suppress(Refused):
            return stages_of({lock: _text(blob) for lock, blob in blobs.items() if blob})
        return {}

    def locked(self, lock: str, blob: str, path: str) -> str:
        """Return an output's hash in a dvc.lock; "" if the file has none.

        lock, blob  path of the dvc.lock, and Git's hash of its content
        path        path of the output

        The text is searched for the lines that DVC writes: parsing it takes a tenth of a second for each commit.
        """
        name = re.escape(posixpath.relpath(path, posixpath.dirname(lock) or "."))
        outs = re.findall(r"^    outs:\n((?:    [- ] .*\n)+)", _text(blob) if blob else "", re.MULTILINE)
        entry = re.search(rf"- path: {name}\n(?: +hash: md5\n)? +md5: '?([\w.]+)", "".join(outs))
        return entry[1] if entry else ""


@cache
def _values(file: str, blob: str) -> dict[str, Any]:
    return values_of(file, git_output("cat-file", "blob", blob))


@cache
def _text(blob: str) -> str:
    return git_output("cat-file", "blob", blob).decode(errors="replace")


def _renamed(parent: str, commit: str, file: str, before: Stages, after: Stages) -> str:
    """Return the path that the result had in the parent; "" if the result is new.

    A result is renamed if Git says so, or if the parent has an output with the same hash that the commit lacks.
    """
    options = "--find-renames", "--relative", "--diff-filter=R", "--name-status", "-z"
    names = git("diff", *options, parent, commit).split("\0")
    moved = dict(zip(names[2::3], names[1::3], strict=False))
    old, new = ({out: own for stage in side.values() for out, own in stage.outs.items()} for side in (before, after))
    same = (out for out, digest in old.items() if out not in new and digest == new.get(file))
    return moved.get(file) or next(same, "")


def _reason(path: str, before: Stages, after: Stages) -> str:
    """Return why a result changed: the first changed stage on which the result depends, and its changed inputs.

    path           path of the result
    before, after  stages of the parent's and of the commit's dvc.lock files; {} if there is no dvc.lock
    """
    if not (before and after):
        return "no dvc.lock before" if after else "no dvc.lock"
    both = before | after
    makers = makers_of(both)
    wanted = [name for name, stage in both.items() if any(within(path, out) for out in stage.outs)]
    if not wanted:
        return "no dvc.lock has this result"
    for name in wanted:
        wanted += {makers[dep] for dep in both[name].deps if dep in makers} - {*wanted}
    change = next((change for change in compare_outputs(before, after) if change.apart and change.name in wanted), None)
    if not change:
        return "dvc.lock has not changed: it was edited, or committed apart"
    if change.side:
        return f"{change.name} is {change.side}"
    one, other = before[change.name].params, after[change.name].params
    values = {name: f"{name} {shown(one.get(name))} → {shown(other.get(name))}" for name in {**one, **other}}
    inputs = [values.get(name, name) for name in change.inputs]
    same = f"the same inputs: it is not deterministic, or {UNDECLARED}, or was edited"
    return f"{change.name}: {listed(inputs) or same}"
