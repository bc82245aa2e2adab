"""Rebuild the committed results from nothing, compare them bit for bit, and explain what differs."""

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import chdir, suppress
from pathlib import Path
from typing import NamedTuple, Self

import psutil

from charloom.base.errors import WrongInput
from charloom.base.terminal import visible
from charloom.proof.arithmetic import Signatures, signatures
from charloom.proof.causes import causes
from charloom.proof.contradictions import contradictions
from charloom.proof.differences import difference
from charloom.proof.dvc_command import cache, dvc
from charloom.proof.grade import grade
from charloom.proof.outputs import Made, Output, cached, contents, hashes_of, outputs
from charloom.proof.quick import first_updates
from charloom.proof.statement import Material, materials, statement
from charloom.results.git import ensure_repository, git
from charloom.settings.dvc_lock import LOCK, locked, md5
from charloom.settings.params import read_params

ENDING_MAY_TAKE = 5.0  # seconds, of a process that was told to end
SAME, DIFFERENT, NOT_COMPARED = "same", "different", "not compared"


class Row(NamedTuple):
    """A file that was compared: what came out, and what differs, or why it was not compared."""

    stage: str
    file: str
    result: str
    what: str = ""

    def __str__(self) -> str:
        """Return the line."""
        mark = {SAME: "same", DIFFERENT: "DIFFERENT", NOT_COMPARED: "  --"}[self.result]
        said = {NOT_COMPARED: f": not compared: {self.what}"}.get(self.result, f": {self.what}" if self.what else "")
        return f"{mark}  {self.stage}: {self.file}{said}"


class Verified(NamedTuple):
    """What came out.

    grade      one of MEANINGS of grade.py; None where not everything was rebuilt
    causes     why something differs: each a sentence
    statement  of all that was rebuilt, as statement.py makes it; empty where not all is the same
    """

    commit: str
    rows: list[Row]
    grade: str | None
    causes: list[str]
    arithmetic: Signatures
    statement: str = ""

    @property
    def last(self) -> str:
        """Return `same`, or the first difference."""
        first = next((row for row in self.rows if row.result == DIFFERENT), None)
        return f"first difference: {first.stage}: {first.file}" if first else SAME


def verify(say: Callable[[object], None], *, quick: bool = False) -> Verified:
    """Return what came out of HEAD; `say` gets a line for each file, and what is at work.

    quick  the first updates alone are made again, and no other file

    Raises WrongInput outside a repository, CheckFailed where signature.json, dvc.lock or params.yaml of HEAD is none.
    """
    ensure_repository()
    if not (commit := git("rev-parse", "--verify", "--quiet", "HEAD", empty=1)):
        raise WrongInput("HEAD: no commit yet; `git commit` makes what can be checked")
    arithmetic = signatures()
    if git("status", "--porcelain", "--untracked-files=no", "--", "src"):
        say("uncommitted changes: the signature and the first updates are made by src/ as it is here, all else by HEAD")
    elif git("status", "--porcelain", "--untracked-files=no"):
        say("uncommitted changes are not checked: this is about HEAD")
    rows = [_row("signature", name, what) for name, what in arithmetic.compared()]
    _say_all(rows, say)
    if any(row.result == DIFFERENT for row in rows):
        return Verified(commit, rows, None, [arithmetic.cause()], arithmetic)
    with tempfile.TemporaryDirectory(prefix="charloom-verify-", ignore_cleanup_errors=True) as folder:
        clone = _cloned(Path(folder) / "clone")
        against = contradictions(clone, results=quick)
        stale = [_row(each.stages[0], str(LOCK), str(each)) for each in against]
        if quick:
            found = [*_first_updates(clone, stale), *stale]
            _say_all(found, say)
            return Verified(commit, rows + found, None, [str(each) for each in against], arithmetic)
        before = _Committed.of(clone)
        failed = _rebuild(clone, before.outputs, Path(folder) / "compiled", say)
        _end_processes(clone)
        if failed:
            return Verified(commit, [*rows, failed], None, [str(each) for each in against], arithmetic)
        made = list(_made(clone, before))
        found = [_compared(each) for each in made]
        found += [] if any(row.result == DIFFERENT for row in found) else stale
        _say_all(found, say)
        same = not any(row.result == DIFFERENT for row in found)
        proof = statement(clone, before.outputs, before.materials) if same else ""
        return Verified(commit, rows + found, grade(made), causes(against, made), arithmetic, proof)


def _cloned(folder: Path) -> Path:
    """Return this project's folder in a clone of HEAD, with the text where DVC keeps it: from its cache or a remote."""
    top, place = git("rev-parse", "--show-toplevel"), git("rev-parse", "--show-prefix")
    git("clone", "--quiet", "--no-hardlinks", top, str(folder))
    project = folder / place
    with chdir(project), suppress(WrongInput):  # `contradictions` says what is wrong with the params
        text = read_params().prepare.text
        if not Path(text).exists() and Path(f"{text}.dvc").exists():
            dvc("get", top, f"{place}{text}", "--rev", "HEAD", "--out", text, folder=project)
    return project


def _first_updates(clone: Path, known: list[Row]) -> list[Row]:
    """Return a row for each table of them. Raises WrongInput where they cannot be made, and no known row says why."""
    try:
        return [_row(*each) for each in first_updates(clone)]
    except WrongInput:
        if not known:
            raise
        return []


def _row(stage: str, file: str, what: str) -> Row:
    return Row(stage, file, DIFFERENT if what else SAME, what)


def _say_all(rows: Iterable[Row], say: Callable[[object], None]) -> None:
    for row in rows:
        say(row)


def _end_processes(folder: Path) -> None:
    """End what stages leave at work in the folder, to compile ahead or to tell MLflow: it would write on there."""
    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if Path(process.cwd()).is_relative_to(folder.resolve()):
                process.terminate()
                left.append(process)
    psutil.wait_procs(left, timeout=ENDING_MAY_TAKE)


def _compared(made: Made) -> Row:
    stage, path, _, varies = made.output
    return Row(stage, path, NOT_COMPARED, varies) if varies else _row(stage, path, _what(made))


def _what(made: Made) -> str:
    """Return what differs, or nothing."""
    if made.same:
        return ""
    if made.content_same:
        return f"the file is the same; {LOCK} has the hash of another one"
    if not made.committed and made.output.in_git:
        return "it is not committed"
    if not made.committed:
        return f"{LOCK} has the hash of another file, which is not on this machine"
    return difference(made.committed, made.rebuilt)


class _Committed(NamedTuple):
    """What a clone holds before anything is run.

    hashes  of all outputs, as dvc.lock has them
    files   of the outputs in Git, their contents and their own hashes, by path
    """

    outputs: list[Output]
    hashes: dict[str, str]
    files: dict[str, tuple[dict[str, bytes], str | None]]
    materials: list[Material]

    @classmethod
    def of(cls, clone: Path) -> Self:
        with chdir(clone):
            made, hashes = list(outputs(Path())), hashes_of(locked())
            files = {each.path: (contents(Path(each.path)), md5(Path(each.path))) for each in made if each.in_git}
        return cls(made, hashes, files, materials(clone))


def _made(clone: Path, before: _Committed) -> Iterator[Made]:
    """Yield every output, committed and made again, in the order of dvc.yaml."""
    hashes = {each.path: md5(clone / each.path) for each in before.outputs}
    unknown = any(not each.in_git and hashes[each.path] != before.hashes.get(each.path) for each in before.outputs)
    kept = cache() if unknown else Path()  # DVC takes a second to say it
    for each in before.outputs:
        path, named, again = clone / each.path, before.hashes.get(each.path), hashes[each.path]
        known, own = before.files.get(each.path, ({}, None))
        if not each.in_git and again != named:
            known = cached(kept, each, named)
        rebuilt = contents(path) if each.in_git or again != named else {}  # what is equal may be large
        yield Made(each, named, known, rebuilt, (own, again))


def _rebuild(clone: Path, made: list[Output], compiled: Path, say: Callable[[object], None]) -> Row | None:
    """Run every stage that makes something in the clone, with nothing cached; return the one that fails, if one does.

    What it prints then goes to standard error.
    """
    for stage in dict.fromkeys(each.stage for each in made):
        say(f"rebuilding {stage}")
        arguments = ("repro", "--force", "--single-item", stage)
        code, printed = dvc(*arguments, folder=clone, NUMBA_CACHE_DIR=str(compiled))
        if code:
            sys.stderr.write(visible(printed))
            return Row(stage, "it failed", DIFFERENT)
    return None
