"""Rebuild the committed results from nothing, compare them bit for bit, and explain what differs."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import chdir, nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from charloom.base.errors import CheckFailed, WrongInput
from charloom.base.terminal import visible
from charloom.proof.differences import difference
from charloom.proof.dvc_command import cache, dvc
from charloom.proof.meaning import causes, contradictions, grade
from charloom.proof.outputs import Made, Output, cached, contents, hashes_of, outputs
from charloom.proof.quick import first_updates
from charloom.proof.signatures import Signatures, signatures
from charloom.proof.statement import materials_of, statement
from charloom.results.git import ensure_repository, git, uncommitted
from charloom.settings.dvc_lock import LOCK, locked, md5
from charloom.settings.params import read_params
from charloom.settings.pipeline import OWN
from dvc_summary.locks import within

ENDING_MAY_TAKE = 5.0  # seconds, of a process that was told to end
SAME, DIFFERENT = "same", "different"


class Row(NamedTuple):
    """A file that was compared: what came out, and what differs."""

    stage: str
    file: str
    result: str
    what: str = ""

    def __str__(self) -> str:
        """Return the line."""
        mark = {SAME: "same", DIFFERENT: "DIFFERENT"}[self.result]
        return f"{mark}  {self.stage}: {self.file}" + (f": {self.what}" if self.what else "")


class Verified(NamedTuple):
    """What came out.

    grade      one of MEANINGS of meaning.py; None where not everything was rebuilt
    causes     why something differs: each a sentence
    statement  of all that was rebuilt, as statement.py makes it; None where not all is the same
    """

    commit: str
    rows: list[Row]
    grade: str | None
    causes: list[str]
    arithmetic: Signatures
    statement: dict[str, Any] | None = None

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
    if uncommitted("src"):
        say("uncommitted changes: the signature and the first updates are made by src/ as it is here, all else by HEAD")
    elif uncommitted():
        say("uncommitted changes are not checked: this is about HEAD")
    found = Verified(commit, [], None, [], arithmetic)
    found = _with(found, [_row("signature", name, what) for name, what in arithmetic.compared()], say)
    if found.last != SAME:
        return found._replace(causes=[arithmetic.cause()])
    with tempfile.TemporaryDirectory(prefix="charloom-verify-", ignore_cleanup_errors=True) as place:
        top = Path(place) / "clone"
        clone = _cloned(top)
        against = contradictions(clone, results=quick)
        found = found._replace(causes=[str(each) for each in against])
        stale = [_row(each.stages[0], str(LOCK), str(each)) for each in against]
        if quick:
            with suppress(WrongInput) if stale else nullcontext():  # where they cannot be made, it is said why
                stale = [*(_row(*each) for each in first_updates(clone)), *stale]
            return _with(found, stale, say)
        before, materials = _committed(clone), materials_of(clone)
        _keep_sources_alone(top, clone, [each.output for each in before])
        hashes, failed = _rebuild(clone, [each.output for each in before], Path(place) / "compiled", say)
        _end_processes(clone)
        if failed:
            return found._replace(rows=[*found.rows, failed])
        pairs = list(_made(clone, before, hashes))
        found = _with(found, [_row(each.output.stage, each.output.path, _what(each)) for each in pairs], say)
        if found.last == SAME:
            found = _with(found, stale, say)
        proof = statement(materials, clone, [each.output for each in before]) if found.last == SAME else None
        return found._replace(grade=grade(pairs), causes=causes(against, pairs), statement=proof)


def _with(found: Verified, rows: list[Row], say: Callable[[object], None]) -> Verified:
    """Return it with these rows, which are said."""
    for row in rows:
        say(row)
    return found._replace(rows=found.rows + rows)


def _cloned(folder: Path) -> Path:
    """Return this project's folder in a clone of HEAD, with the text where DVC keeps it: from its cache or a remote."""
    top, place = git("rev-parse", "--show-toplevel"), git("rev-parse", "--show-prefix")
    as_committed = ("-c", "core.autocrlf=false", "-c", "core.eol=lf")  # whatever line ends the user wants
    git(*as_committed, "clone", "--quiet", "--no-hardlinks", top, str(folder))
    project = folder / place
    _ensure_inside(folder)
    with chdir(project), suppress(WrongInput):  # `contradictions` says what is wrong with the params
        text = read_params().prepare.text
        if not Path(text).exists() and Path(f"{text}.dvc").exists():
            dvc("get", top, f"{place}{text}", "--rev", "HEAD", "--out", text, folder=project)
    return project


def _row(stage: str, file: str, what: str) -> Row:
    return Row(stage, file, DIFFERENT if what else SAME, what)


def _remove(path: Path) -> None:
    """Remove the file, or the folder with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _ensure_inside(folder: Path) -> None:
    """Raise CheckFailed where a link leads out of the folder, or nowhere: what is written there is not the clone's."""
    for path in folder.rglob("*"):
        try:
            inside = not path.is_symlink() or path.resolve().is_relative_to(folder.resolve())
        except (OSError, RuntimeError):  # a link to itself
            inside = False
        if not inside:
            raise CheckFailed(f"first difference: {path.relative_to(folder)}: a link that leads out of the repository")


def _committed(clone: Path) -> list[Made]:
    """Return every output as it is committed, read before anything of HEAD's runs.

    A file that Git tracks is compared by its content, whatever dvc.yaml says of it.
    """
    with chdir(clone):
        tracked, locks, found = git("ls-files", "-z").split("\0"), hashes_of(locked()), []
        for each in outputs(Path()):
            path, lock = Path(each.path), locks.get(each.path)
            if any(within(name, each.path) for name in tracked):
                each = each._replace(in_git=True)
            found.append(Made(each, lock, contents(path) if each.in_git else {}, {}, (md5(path), None)))
        return found


def _keep_sources_alone(top: Path, clone: Path, made: list[Output]) -> None:
    """Leave nothing that a stage could take for a result of its own, and nothing that leads out of the clone.

    Gone are outputs, resume states, compiled Python, DVC's cache, and Git's history, which has all of them.
    """
    bytecode = [path for name in ("__pycache__", "*.pyc") for path in top.rglob(name)]
    for path in (*(clone / each.path for each in made), *bytecode, clone / OWN, clone / ".dvc/cache", top / ".git"):
        _remove(path)
    git("init", "--quiet", "--template=", str(top))
    if (clone / ".dvc").is_dir():  # HEAD's own settings may name folders elsewhere
        site = clone / ".dvc/tmp/site"
        (clone / ".dvc/config.local").write_text(f"[cache]\n    dir = cache\n[core]\n    site_cache_dir = {site}\n")


def _rebuild(
    clone: Path, made: list[Output], compiled: Path, say: Callable[[object], None]
) -> tuple[dict[str, str | None], Row | None]:
    """Run every stage that makes something in the clone, with nothing cached.

    Returns the MD5 of each output as its stage ended, and the stage that fails, if one does. What it prints then goes
    to standard error.
    """
    hashes: dict[str, str | None] = {}
    for stage in dict.fromkeys(each.stage for each in made):
        say(f"rebuilding {stage}")
        arguments = ("repro", "--force", "--single-item", stage)
        code, printed = dvc(*arguments, folder=clone, NUMBA_CACHE_DIR=str(compiled))
        if code:
            sys.stderr.write(visible(printed))
            return hashes, Row(stage, "it failed", DIFFERENT)
        hashes |= {each.path: md5(clone / each.path) for each in made if each.stage == stage}
    return hashes, None


def _end_processes(folder: Path) -> None:
    """End what stages leave at work in the folder, to compile ahead or to tell MLflow: it would write on there."""
    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if Path(process.cwd()).is_relative_to(folder.resolve()):
                process.terminate()
                left.append(process)
    psutil.wait_procs(left, timeout=ENDING_MAY_TAKE)


def _made(clone: Path, before: list[Made], hashes: dict[str, str | None]) -> Iterator[Made]:
    """Yield every output, committed and made again."""
    apart = [each for each in before if each.output.in_git or hashes[each.output.path] != each.locked]
    kept = Path() if all(each.output.in_git for each in apart) else cache()  # DVC takes a second to say it
    for each in before:
        path, known = each.output.path, each.committed
        if each in apart and not each.output.in_git:  # what is equal may be large
            known = cached(kept, path, each.locked)
        again = contents(clone / path) if each in apart else {}
        yield each._replace(committed=known, rebuilt=again, hashes=(each.hashes[0], hashes[path]))


def _what(made: Made) -> str:
    """Return what differs, or nothing."""
    if made.same:
        return ""
    if not made.rebuilt and made.hashes[1] is None:
        return f"{made.output.stage} does not make it: it was not made again"
    if made.content_same:
        return f"the file is the same; {LOCK} has the hash of another one"
    if not made.committed and made.output.in_git:
        return "it is not committed"
    if not made.committed:
        return f"{LOCK} has the hash of another file, which is not on this machine"
    return difference(made.committed, made.rebuilt)
