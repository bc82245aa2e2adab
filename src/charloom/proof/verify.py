"""Verify HEAD: rebuild its results from nothing, compare the two dvc.lock files, and explain differences."""

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from charloom.base.errors import WrongInput
from charloom.base.terminal import visible
from charloom.proof.causes import contradictions, edits
from charloom.proof.differences import SAME, Row, last_line
from charloom.proof.grade import grade
from charloom.proof.outputs import Output, Result, contents, hashes_of, outputs
from charloom.proof.rebuild import Failed, cloned, rebuilt_lock
from charloom.proof.refusals import committed_files, refusals
from charloom.proof.signatures import Signatures, signatures
from charloom.proof.statement import materials_of, statement
from charloom.results.git import ensure_repository, git, uncommitted
from charloom.settings.dvc_lock import LOCK, locked, md5
from charloom.settings.pipeline import HERE, Project
from dvc_summary.locks import Stages, compared, within

Content = tuple[dict[str, bytes], str | None]  # the files of an output by name, and DVC's hash of them


class Verified(NamedTuple):
    """The result of a verification.

    commit      HEAD's hash
    arithmetic  the committed signature and the one computed here
    rows        the compared files and hashes
    causes      sentences that explain differences
    grade       a key of grade.MEANINGS, the distance of the results; None if not everything was rebuilt
    statement   in-toto's statement, see statement.py; None if something differs
    """

    commit: str
    arithmetic: Signatures
    rows: list[Row]
    causes: list[str]
    grade: str | None = None
    statement: dict[str, Any] | None = None

    @property
    def last(self) -> str:
        """Return the last line of the output."""
        return last_line(self.rows)


def verify(say: Callable[[object], None]) -> Verified:
    """Verify HEAD and return the result.

    say  called with each Row, and with lines about progress

    The verification ends early, with the rows so far, if the signatures differ, if a commit is refused (see
    refusals.py), or if a stage fails. Raises WrongInput outside a repository or without a commit. Raises CheckFailed if
    HEAD has no valid signature.json, dvc.lock, dvc.yaml or params.yaml, or a link that leads out of the repository.
    """
    ensure_repository()
    if not (commit := git("rev-parse", "--verify", "--quiet", "HEAD", empty=1)):
        raise WrongInput("HEAD: no commit yet; `git commit` makes one")
    verified = Verified(commit, signatures(), [], [])
    if uncommitted("src"):
        say("uncommitted changes: the signature uses src/ of this folder, all else uses HEAD")
    elif uncommitted():
        say("uncommitted changes are not checked: only HEAD is")

    def add(rows: Iterable[Row]) -> bool:
        """Report and store the rows; return whether no row so far has a difference."""
        for row in rows:
            say(row)
            verified.rows.append(row)
        return verified.last == SAME

    if not add(verified.arithmetic.compared()):
        return verified._replace(causes=[verified.arithmetic.cause()])
    with tempfile.TemporaryDirectory(prefix="charloom-verify-", ignore_cleanup_errors=True) as place:
        clone = cloned(Path(place) / "clone")
        with committed_files():
            committed = locked(clone)
            refused, before = list(refusals(clone, committed, HERE)), _committed(clone)
        if not add(refused):
            return verified
        materials = materials_of(clone)
        try:
            lock = rebuilt_lock(clone, say, NUMBA_CACHE_DIR=str(Path(place) / "compiled"))
        except Failed as failed:
            sys.stderr.write(visible(failed.printed))
            verified.rows.append(Row(failed.stage, "it failed", "it failed"))
            return verified._replace(causes=list(contradictions(committed, failed.lock)))
        results, conflicts = list(_results(before, clone, committed, lock)), contradictions(committed, lock)
        if add(result.row for result in results):
            add(Row(stages[0], str(LOCK), what) for what, stages in conflicts.items())
        causes = [*conflicts, *edits(results, compared(committed, lock))]
        proof = statement(materials, clone, list(before)) if verified.last == SAME else None
        return verified._replace(causes=causes, grade=grade(results), statement=proof)


def _committed(clone: Project) -> dict[Output, Content]:
    """Return every output of a clone in which no stage has run, with its content if Git contains it.

    An output with files that Git tracks counts as `in_git`, even if dvc.yaml does not declare that.
    """
    tracked, before = git("ls-files", "-z", folder=clone.root).split("\0"), dict[Output, Content]()
    for output in outputs(clone):
        path, in_git = clone.root / output.path, output.in_git or any(within(name, output.path) for name in tracked)
        before[output._replace(in_git=in_git)] = (contents(path), md5(path)) if in_git else ({}, None)
    return before


def _results(before: dict[Output, Content], clone: Project, committed: Stages, lock: Stages) -> Iterator[Result]:
    """Yield the comparison of each output.

    before           the committed outputs
    clone            the project after the stages have run
    committed, lock  the stages of the committed and of the rebuilt dvc.lock
    """
    old, new = hashes_of(committed), hashes_of(lock)
    for output, (files, digest) in before.items():
        rebuilt = contents(clone.root / output.path) if output.in_git else {}
        yield Result(output, old.get(output.path), new.get(output.path), digest, files, rebuilt)
