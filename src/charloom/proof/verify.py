"""Verify HEAD: rebuild its results from nothing, compare the two dvc.lock files, and explain differences."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from charloom.core.base.errors import WrongInput
from charloom.core.base.terminal import visible
from charloom.core.settings.dvc_lock import LOCK
from charloom.core.settings.pipeline import Project, ensure_repository
from charloom.proof.causes import contradictions, edits
from charloom.proof.differences import SAME, Row, last_line
from charloom.proof.grade import grade
from charloom.proof.outputs import compared
from charloom.proof.rebuild import Failed, cloned, rebuilt_lock
from charloom.proof.refusals import inspected
from charloom.proof.signatures import signatures
from charloom.proof.statement import statement
from charloom.results.git import git, uncommitted


class Verified(NamedTuple):
    """The result of a verification.

    commit     HEAD's hash
    rows       the compared files and hashes
    causes     sentences that explain differences
    grade      a key of grade.MEANINGS, the distance of the results; None if not everything was rebuilt
    statement  in-toto's statement, see statement.py; None if something differs
    """

    commit: str
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
    hashes, hints = signatures()
    verified = Verified(commit, [], [])
    if uncommitted():
        say("uncommitted changes are not checked: only HEAD is")

    def add(rows: Iterable[Row]) -> bool:
        """Report and store the rows; return whether no row so far has a difference."""
        for row in rows:
            say(row)
            verified.rows.append(row)
        return verified.last == SAME

    if not add(hashes):
        return verified._replace(causes=hints)
    with tempfile.TemporaryDirectory(prefix="charloom-verify-", ignore_cleanup_errors=True) as place:
        committed = cloned(Path(place) / "committed", commit)
        before, refused = inspected(committed)
        if not add(refused):
            return verified
        folder = shutil.copytree(Path(place) / "committed", Path(place) / "rebuilt", symlinks=True)
        rebuilt = Project(folder / committed.root.relative_to(Path(place) / "committed"))
        try:
            after = rebuilt_lock(rebuilt, say, NUMBA_CACHE_DIR=str(Path(place) / "compiled"))
        except Failed as failed:
            sys.stderr.write(visible(failed.printed))
            verified.rows.append(Row(failed.stage, "it failed", "it failed"))
            return verified._replace(causes=list(contradictions(before, failed.lock)))
        results, conflicts = list(compared(committed, before, rebuilt, after)), contradictions(before, after)
        if add(result.row for result in results):
            add(Row(stages[0], str(LOCK), what) for what, stages in conflicts.items())
        paths, same = [result.output.path for result in results], verified.last == SAME
        return verified._replace(
            causes=[*conflicts, *edits(results, before, after)],
            grade=grade(results),
            statement=statement(committed, rebuilt, paths) if same else None,
        )
