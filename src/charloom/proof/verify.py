"""Verify HEAD: rebuild its results from nothing, compare two locks, and explain what differs."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple

from charloom.base.errors import WrongInput
from charloom.base.terminal import visible
from charloom.proof.differences import difference
from charloom.proof.dvc_command import cache
from charloom.proof.meaning import Contradiction, causes, contradictions, grade, not_rebuilt, unexplained
from charloom.proof.outputs import Made, cached, contents, hashes_of, outputs
from charloom.proof.quick import first_updates
from charloom.proof.rebuild import Failed, cloned, keep_sources_alone, rebuilt_lock
from charloom.proof.signatures import Signatures, signatures
from charloom.proof.statement import materials_of, statement
from charloom.results.git import ensure_repository, git, uncommitted
from charloom.settings.dvc_lock import LOCK, locked, md5
from charloom.settings.pipeline import HERE, Project
from dvc_summary.locks import Stages, within

SAME = "same"


class Row(NamedTuple):
    """A file that was compared, and what differs: nothing if it is the same."""

    stage: str
    file: str
    what: str

    def __str__(self) -> str:
        """Return the line."""
        return f"{'DIFFERENT' if self.what else 'same'}  {self.stage}: {self.file}{f': {self.what}' * bool(self.what)}"


class Verified(NamedTuple):
    """What came out.

    grade      one of MEANINGS of meaning.py; None if not everything was rebuilt
    causes     why something differs: each a sentence
    statement  of all that was rebuilt, as statement.py makes it; None if not all is the same
    """

    commit: str
    rows: list[Row]
    arithmetic: Signatures
    causes: list[str]
    grade: str | None = None
    statement: dict[str, Any] | None = None

    @property
    def last(self) -> str:
        """Return `same`, or the first difference."""
        return next((f"first difference: {row.stage}: {row.file}" for row in self.rows if row.what), SAME)


def verify(say: Callable[[object], None], *, quick: bool = False) -> Verified:
    """Return what came out of HEAD; `say` gets a line for each file, and what is at work.

    quick  the first updates alone are made again, and no other file

    Raises WrongInput outside a repository, CheckFailed if HEAD has no valid signature.json, dvc.lock or params.yaml.
    """
    ensure_repository()
    if not (commit := git("rev-parse", "--verify", "--quiet", "HEAD", empty=1)):
        raise WrongInput("HEAD: no commit yet; `git commit` makes what can be checked")
    arithmetic = signatures()
    if uncommitted("src"):
        say("uncommitted changes: the signature and the first updates are made by src/ as it is here, all else by HEAD")
    elif uncommitted():
        say("uncommitted changes are not checked: this is about HEAD")
    found = Verified(commit, [], arithmetic, [])

    def told(*rows: Row) -> bool:
        """Say and keep the rows; return whether all so far are the same."""
        for row in rows:
            say(row)
        found.rows.extend(rows)
        return found.last == SAME

    if not told(*(Row("signature", *compared) for compared in arithmetic.compared())):
        return found._replace(causes=[arithmetic.cause()])
    with tempfile.TemporaryDirectory(prefix="charloom-verify-", ignore_cleanup_errors=True) as place:
        clone = cloned(Path(place) / "clone")
        against = contradictions(clone, results=quick)
        refused = [Row(*each) for each in not_rebuilt(clone, HERE)]
        found = found._replace(causes=[*(f"{row.file}: {row.what}" for row in refused), *map(str, against)])
        if quick:
            with suppress(WrongInput) if against else nullcontext():  # if they cannot be made, it is said why
                told(*(Row(*each) for each in first_updates(clone)))
            told(*_rows(against), *refused)
            return found
        if not told(*refused):
            return found
        before, committed, materials = list(_committed(clone)), locked(clone), materials_of(clone)
        keep_sources_alone(clone)
        made = [each.output for each in before]
        try:
            compiled = str(Path(place) / "compiled")
            lock = rebuilt_lock(clone, dict.fromkeys(each.stage for each in made), say, NUMBA_CACHE_DIR=compiled)
        except Failed as failed:
            sys.stderr.write(visible(failed.printed))
            found.rows.append(Row(failed.stage, "it failed", "it failed"))
            return found
        pairs = list(_pairs(before, clone, lock))
        if told(*(Row(each.output.stage, each.output.path, _what(each)) for each in pairs)):
            told(*_rows(against + unexplained(committed, lock, against)))
        proof = statement(materials, clone, made) if found.last == SAME else None
        return found._replace(grade=grade(pairs), causes=causes(against, pairs), statement=proof)


def _rows(said: list[Contradiction]) -> list[Row]:
    return [Row(each.stages[0], str(LOCK), str(each)) for each in said]


def _committed(clone: Project) -> Iterator[Made]:
    """Yield every output as it is committed, hashed before anything of HEAD's runs.

    A file that Git tracks is compared by its content, whatever dvc.yaml says of it.
    """
    tracked, locks = git("ls-files", "-z", folder=clone.root).split("\0"), hashes_of(locked(clone))
    for each in outputs(clone):
        path, in_git = clone.root / each.path, each.in_git or any(within(name, each.path) for name in tracked)
        known = contents(path) if in_git else {}
        yield Made(each._replace(in_git=in_git), locks.get(each.path), known, {}, (md5(path), None))


def _pairs(before: list[Made], rebuilt: Project, lock: Stages) -> Iterator[Made]:
    """Yield every output, committed and rebuilt; what is equal and not in Git without its content: it may be large."""
    hashes = hashes_of(lock)
    apart = [each for each in before if not each.output.in_git and hashes.get(each.output.path) != each.locked]
    kept = cache() if apart else Path()  # a second of DVC's
    for each in before:
        path = each.output.path
        known = cached(kept, path, each.locked) if each in apart else each.committed
        again = contents(rebuilt.root / path) if each in apart or each.output.in_git else {}
        yield each._replace(committed=known, rebuilt=again, hashes=(each.hashes[0], hashes.get(path)))


def _what(made: Made) -> str:
    """Return what differs, or nothing."""
    if made.same:
        return ""
    if made.hashes[1] is None:
        return f"{made.output.stage} does not make it: it was not made again"
    if made.content_same:
        return f"the file is the same; {LOCK} has the hash of another one"
    if not made.committed and made.output.in_git:
        return "it is not committed"
    if not made.committed:
        return f"{LOCK} has the hash of another file, which is not on this machine"
    return difference(made.committed, made.rebuilt) or f"a later stage overwrites what {made.output.stage} makes"
