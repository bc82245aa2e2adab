"""Verify HEAD: rebuild its results from nothing, compare the two dvc.lock files, and explain differences."""

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple

from charloom.base.errors import WrongInput
from charloom.base.terminal import visible
from charloom.proof.differences import SAME, Row, difference, last_line
from charloom.proof.dvc_command import cache
from charloom.proof.meaning import causes, committed_files, contradictions, grade, not_rebuilt, rows_of, unexplained
from charloom.proof.outputs import Pair, cached, contents, hashes_of, outputs
from charloom.proof.quick import first_updates
from charloom.proof.rebuild import Failed, cloned, rebuilt_lock
from charloom.proof.signatures import Signatures, signatures
from charloom.proof.statement import materials_of, statement
from charloom.results.git import ensure_repository, git, uncommitted
from charloom.settings.dvc_lock import LOCK, locked, md5
from charloom.settings.pipeline import HERE, Project
from dvc_summary.locks import Stages, within


class Verified(NamedTuple):
    """The result of a verification.

    commit      HEAD's hash
    rows        the compared files and hashes
    arithmetic  the committed signature and the one computed here
    causes      sentences that explain differences
    grade       a key of meaning.MEANINGS, the distance of the results; None if not everything was rebuilt
    statement   in-toto's statement, see statement.py; None if something differs or not everything was rebuilt
    """

    commit: str
    rows: list[Row]
    arithmetic: Signatures
    causes: list[str]
    grade: str | None = None
    statement: dict[str, Any] | None = None

    @property
    def last(self) -> str:
        """Return the last line of the output."""
        return last_line(self.rows)


def verify(say: Callable[[object], None], *, quick: bool = False) -> Verified:
    """Verify HEAD and return the result.

    say    called with each Row, and with lines about progress
    quick  repeat only the first updates of the training, and rebuild nothing

    The verification ends early, with the rows so far, if the signatures differ, if dvc.yaml names results that no stage
    rebuilds, or if a stage fails. Raises WrongInput outside a repository or without a commit. Raises CheckFailed if
    HEAD has no valid signature.json, dvc.lock, dvc.yaml or params.yaml, or a link that leads out of the repository.
    """
    ensure_repository()
    if not (commit := git("rev-parse", "--verify", "--quiet", "HEAD", empty=1)):
        raise WrongInput("HEAD: no commit yet; `git commit` makes one")
    arithmetic = signatures()
    if uncommitted("src"):
        say("uncommitted changes: the signature and the first updates use src/ of this folder, all else uses HEAD")
    elif uncommitted():
        say("uncommitted changes are not checked: only HEAD is")
    verified = Verified(commit, [], arithmetic, [])

    def add(rows: Iterable[Row]) -> bool:
        """Report and store the rows; return whether no row so far has a difference."""
        for row in rows:
            say(row)
            verified.rows.append(row)
        return verified.last == SAME

    if not add(arithmetic.compared()):
        return verified._replace(causes=[arithmetic.cause()])
    with tempfile.TemporaryDirectory(prefix="charloom-verify-", ignore_cleanup_errors=True) as place:
        clone = cloned(Path(place) / "clone")
        with committed_files():
            conflicts, refused = contradictions(clone, results=quick), [Row(*x) for x in not_rebuilt(clone, HERE)]
        known = [*(f"{row.file}: {row.what}" for row in refused), *(row.what for row in rows_of(conflicts))]
        verified = verified._replace(causes=known)
        if quick:
            with suppress(WrongInput) if conflicts else nullcontext():  # contradictions already explain an error
                add(first_updates(clone))
            add(rows_of(conflicts) + refused)
            return verified
        if not add(refused):
            return verified
        before, committed, materials = list(_committed(clone)), locked(clone), materials_of(clone)
        try:
            lock = rebuilt_lock(clone, say, NUMBA_CACHE_DIR=str(Path(place) / "compiled"))
        except Failed as failed:
            sys.stderr.write(visible(failed.printed))
            verified.rows.append(Row(failed.stage, "it failed", "it failed"))
            return verified
        pairs = list(_pairs(before, clone, lock))
        if add(Row(pair.output.stage, pair.output.path, _what(pair)) for pair in pairs):
            add(rows_of(conflicts | unexplained(committed, lock, conflicts)))
        results = [pair.output for pair in before]
        proof = statement(materials, clone, results) if verified.last == SAME else None
        return verified._replace(grade=grade(pairs), causes=causes(conflicts, pairs), statement=proof)


def _committed(clone: Project) -> Iterator[Pair]:
    """Yield a Pair for every output of a clone in which no stage has run; rebuilt content and hash are still missing.

    An output with files that Git tracks counts as `in_git`, even if dvc.yaml does not declare that.
    """
    tracked, locks = git("ls-files", "-z", folder=clone.root).split("\0"), hashes_of(locked(clone))
    for output in outputs(clone):
        path, in_git = clone.root / output.path, output.in_git or any(within(name, output.path) for name in tracked)
        content = contents(path) if in_git else {}
        yield Pair(output._replace(in_git=in_git), locks.get(output.path), content, {}, (md5(path), None))


def _pairs(before: list[Pair], rebuilt: Project, lock: Stages) -> Iterator[Pair]:
    """Yield the pairs of `_committed`, completed with rebuilt content and hashes.

    An output outside Git gets content only if its hashes differ, because the content may be large. Its committed
    content comes from DVC's cache.

    rebuilt, lock  the clone after the stages have run, and the stages of its dvc.lock
    """
    hashes = hashes_of(lock)
    different = [pair for pair in before if not pair.output.in_git and hashes.get(pair.output.path) != pair.locked]
    folder = cache() if different else Path()  # asking DVC takes a second
    for pair in before:
        path = pair.output.path
        committed = cached(folder, path, pair.locked) if pair in different else pair.committed
        content = contents(rebuilt.root / path) if pair in different or pair.output.in_git else {}
        yield pair._replace(committed=committed, rebuilt=content, hashes=(pair.hashes[0], hashes.get(path)))


def _what(pair: Pair) -> str:
    """Return a description of the difference between the committed and the rebuilt output; "" if they are the same."""
    if pair.same:
        return ""
    if pair.hashes[1] is None:
        return f"the rebuilt {LOCK} has no hash: {pair.output.stage} did not make it"
    if pair.content_same:
        return f"the file is the same; {LOCK} has another hash"
    if not pair.committed and pair.output.in_git:
        return "it is not committed"
    if not pair.committed:
        return f"{LOCK} has another hash, and the file with that hash is not on this machine"
    return difference(pair.committed, pair.rebuilt) or f"a later stage overwrites what {pair.output.stage} makes"
