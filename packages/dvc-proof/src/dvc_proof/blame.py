"""Find the commits that changed a result, and the params, inputs or code because of which it changed.

The history of dvc.lock is the history of the results: nothing is run.
"""

import posixpath
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from dvc_proof.causes import UNDECLARED
from dvc_proof.data import SHOWN
from dvc_proof.differences import NOTHING, equal, shown, values_of
from dvc_proof.facts import compared, is_lock
from dvc_proof.git import Refused, git, printed
from dvc_proof.lock import Stages, makers_of, stages_of, within
from dvc_proof.words import listed


class Changed(NamedTuple):
    """A commit that changed a result.

    commit, parent  full hashes; without a parent, the result is from the first commit
    line            the line for the user: commit, date, author, both values, and the reason
    stage           name of the stage that makes the result; "" if no dvc.lock of the commit has it
    """

    commit: str
    parent: str
    line: str
    stage: str


def blame(path: str, key: str = "") -> Iterator[Changed]:
    """Yield the commits in HEAD's history that changed a result, the newest first.

    A commit changed the result if its value differs from those of all its parents. A file that Git renamed, or an
    output that kept its hash under another path, is followed.

    path  a file or folder, relative to this folder
    key   the name of a value in a JSON or CSV file: `train.loss`; "": the whole output

    Raises Refused if HEAD has no such result.
    """
    log = git("log", "--topo-order", "--format=%H%x00%P%x00%as%x00%an", "HEAD").splitlines()
    history = {
        commit: (parents.split(), when, who) for commit, parents, when, who in (line.split("\0") for line in log)
    }
    changed_files = git("log", "--all-match", "--format=", "--name-only", "-z", "--relative", "--", "*dvc.lock")
    names = {name for name in changed_files.replace("\n", "\0").split("\0") if is_lock(name)}
    paths = dict.fromkeys(history, posixpath.normpath(path))
    blobs = dict[tuple[str, str], str]()

    def ensure(files: set[str]) -> None:
        wanted = [(commit, file) for commit in history for file in files if (commit, file) not in blobs]
        lines = printed("cat-file", "--batch-check", given="".join(f"{c}:./{f}\n" for c, f in wanted).encode())
        found = (line.split() for line in lines.decode(errors="replace").splitlines())
        blobs.update(zip(wanted, (words[0] if words[1:2] == ["blob"] else "" for words in found), strict=True))

    def value(commit: str, file: str) -> Any:
        if (commit, file) not in blobs:
            ensure({file})
        if blob := blobs[commit, file]:
            return _values(file, blob).get(key, NOTHING) if key else blob
        return (
            NOTHING if key else next(filter(None, (_hash(blobs[commit, lock], lock, file) for lock in names)), NOTHING)
        )

    ensure({*names, paths[next(iter(history))]})
    if value(next(iter(history)), posixpath.normpath(path)) is NOTHING:
        allowed = "allowed are an output, or FILE:KEY for a value in a JSON or CSV file in Git"
        raise Refused(f"{path}{f':{key}' * bool(key)}: HEAD has no such result; {allowed}")
    for commit, (parents, when, who) in history.items():
        new, file = value(commit, paths[commit]), paths[commit]
        olds = [value(parent, file) for parent in parents] or [NOTHING]
        if any(equal(new, old) for old in olds) or new is olds[0] is NOTHING:
            paths |= {
                parent: file
                for parent, old in zip(parents, olds, strict=False)
                if paths[parent] != file and old is not NOTHING
            }
            continue
        parent = parents[0] if parents else ""
        before, after = (
            _stages({lock: blobs[at, lock] for lock in names if at and blobs[at, lock]}) for at in (parent, commit)
        )
        if parent and olds[0] is NOTHING and (renamed := _renamed(parent, commit, file, before, after)):
            _rename(paths, history, parent, renamed)
            old = value(parent, renamed)
            reason = (
                f"renamed from {renamed}"
                if equal(old, new)
                else f"renamed from {renamed}; {_reason(file, before, after)}"
            )
        else:
            old, reason = olds[0], _reason(file, before, after)
        merge = "; a merge: none of its parents has this value" * (len(parents) > 1)
        values = " → ".join(shown(side) if key or side is NOTHING else str(side)[:SHOWN] for side in (old, new))
        maker = next((name for name, stage in after.items() for out in stage.outs if within(file, out)), "")
        yield Changed(commit, parent, f"{commit[:10]} {when} {who}: {values}; {reason}{merge}", maker)


@cache
def _values(file: str, blob: str) -> dict[str, Any]:
    return values_of(file, printed("cat-file", "blob", blob))


@cache
def _text(blob: str) -> str:
    return printed("cat-file", "blob", blob).decode(errors="replace")


def _hash(blob: str, lock: str, path: str) -> str:
    """Return the hash of an output in a dvc.lock; "" if it has none. Parsing takes longer than searching."""
    name = re.escape(posixpath.basename(path))
    found = re.findall(rf"path: (?:.*/)?{name}\n(?: +(?:hash|md5|size|nfiles): .*\n)+", _text(blob)) if blob else []
    return (
        _locked(lock, path, tuple(found), blob_of_first.setdefault((lock, path, tuple(found)), blob)) if found else ""
    )


blob_of_first = dict[tuple[str, str, tuple[str, ...]], str]()  # the first dvc.lock with these entries of a path


@cache
def _locked(lock: str, path: str, _: tuple[str, ...], blob: str) -> str:
    return next((stage.outs[path] for stage in _stages({lock: blob}).values() if path in stage.outs), "")


def _stages(blobs: dict[str, str]) -> Stages:
    try:
        return stages_of({lock: _text(blob) for lock, blob in blobs.items()})
    except Refused:  # a merge left its marks in it
        return {}


def _renamed(parent: str, commit: str, file: str, before: Stages, after: Stages) -> str:
    """Return the path that the result had in the parent; "" if it had none."""
    lines = git("diff", "--find-renames", "--relative", "--diff-filter=R", "--name-status", "-z", parent, commit).split(
        "\0"
    )
    moved = {lines[i + 2]: lines[i + 1] for i in range(0, len(lines) - 2, 3)}
    old, new = (
        {out: digest for stage in side.values() for out, digest in stage.outs.items()} for side in (before, after)
    )
    same = (out for out, digest in old.items() if out not in new and digest == new.get(file))
    return moved.get(file) or next(same, "")


def _rename(paths: dict[str, str], history: dict[str, tuple[list[str], str, str]], commit: str, path: str) -> None:
    """Set the path of the result in this commit and all commits before it."""
    stack = [commit]
    while stack:
        if paths.get(one := stack.pop(), path) != path:
            paths[one] = path
            stack += history[one][0]


def _reason(path: str, before: Stages, after: Stages) -> str:
    """Return the first stage that differs, of those on which the result depends, and the inputs that changed."""
    if not (before and after):
        return "no dvc.lock before" if after else "no dvc.lock"
    both = before | after
    makers, wanted = (
        makers_of(both),
        [name for name, stage in both.items() if any(within(path, out) for out in stage.outs)],
    )
    if not wanted:
        return "no dvc.lock has it"
    for name in wanted:
        wanted += [makers[dep] for dep in both[name].deps if dep in makers and makers[dep] not in wanted]
    change = next((change for change in compared(before, after) if change.apart and change.name in wanted), None)
    if not change:
        return "dvc.lock has not changed: it was edited, or committed apart"
    if change.side:
        return f"{change.name} is {change.side}"
    one, other = before[change.name].params, after[change.name].params
    inputs = [
        f"{name} {shown(one.get(name))} → {shown(other.get(name))}" if name in {**one, **other} else name
        for name in change.inputs
    ]
    same = f"the same inputs: it is not deterministic, or {UNDECLARED}, or was edited"
    return f"{change.name}: {listed(inputs) or same}"
