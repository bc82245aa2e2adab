"""dvc.lock: the inputs and outputs of every stage's last run, and a check that the present files still match them."""

import hashlib
import json
import shutil
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

from charloom.core.base.errors import CheckFailed, Damaged, Unavailable
from charloom.core.base.storage import sealed, unsealed, write
from charloom.core.settings.params import Params, flat_of
from charloom.core.settings.pipeline import HERE, OUTS, OWN, Project, difference, files_in, names_of, params_of
from charloom.core.settings.reading import read_params
from groundwork.git import Refused
from groundwork.lock import Stage, Stages, stages_of

LOCK = Path("dvc.lock")
NOTES = OWN / "used"


@cache
def stages_in(lock: bytes) -> Stages:
    """Return the stages in the content of a dvc.lock, by name. Raises Damaged if it is empty or not in DVC's format."""
    try:
        return stages_of({str(LOCK): lock.decode()})
    except (Refused, UnicodeDecodeError):
        raise Damaged(f"{LOCK}: missing, or not in DVC's format; `rm -f {LOCK} && dvc repro` writes it") from None


def locked(project: Project = HERE) -> Stages:
    """Return the stages of the project's dvc.lock. Raises Damaged if the file is missing or not in DVC's format."""
    path = project.root / LOCK
    return stages_in(path.read_bytes() if path.is_file() else b"")


def present(project: Project, name: str, params: Params) -> Stage:
    """Return the stage as DVC would record it in dvc.lock now: its command, its params, and the hashes of its files.

    params  the project's params

    The hash of a missing file is "".
    """
    declared = project.declared(name)
    entries = declared.get("deps", []), [entry for kind in OUTS for entry in declared.get(kind, [])]
    paths = (names_of(group, params.prepare.text) for group in entries)
    deps, outs = ({path: md5(project.root / path) or "" for path in group} for group in paths)
    return Stage(str(declared.get("cmd")), deps, params_of(declared, params), outs)


def note_used(stage: str) -> None:
    """Write a note with the params and the hashes of the stage's inputs and outputs, as in dvc.lock.

    DVC hashes the inputs shortly after the stage has ended, so dvc.lock may record an input that was edited in between.
    `ensure_recorded` compares dvc.lock with the note. Without a note that comparison is skipped: the note is missing if
    it cannot be written, or if the stage has no outputs.
    """
    used = present(HERE, stage, read_params())
    if used.outs:
        with suppress(Unavailable):
            write(NOTES / f"{stage}.json", sealed([used.params | used.deps, used.outs]))


def forget_notes() -> None:
    """Remove the notes of all stages. Call this after `ensure_recorded`: the notes do not fit another dvc.lock."""
    shutil.rmtree(NOTES, ignore_errors=True)


def ensure_recorded(params: Params) -> None:
    """Raise CheckFailed if dvc.lock does not record the inputs that the stages, except `track`, used.

    A stage's inputs in dvc.lock are compared with `params`, with the present files, and with the stage's note (see
    note_used). Raises Damaged as `locked` does.
    """
    stages = {name: stage for name, stage in locked().items() if name != "track"}
    now = flat_of(params) | {dep: md5(Path(dep)) for dep in {dep for stage in stages.values() for dep in stage.deps}}
    for name, stage in stages.items():
        # A name with a colon is a param of another file, or a file elsewhere: it cannot be compared.
        used = {key: value for key, value in (stage.params | stage.deps).items() if ":" not in key}
        if changes := difference(used, {key: now.get(key) for key in used}):
            raise CheckFailed(f"{name}: inputs differ from {LOCK}: {changes}; run not recorded; try `dvc repro`")
        with suppress(OSError, ValueError):  # the note is missing or corrupt
            inputs, outputs = unsealed((NOTES / f"{name}.json").read_bytes().rstrip(b"\n"))
            if outputs == stage.outs and (changes := difference(inputs, used)):
                hint = "run not recorded; try `dvc repro --force`"
                raise CheckFailed(f"{name}: inputs edited at its end: {changes}; {hint}")


def md5(path: Path) -> str | None:
    """Return DVC's hash of a path, or None if the path does not exist.

    A file's hash is its MD5 in hexadecimal digits. A folder's hash is the MD5 of a JSON list of its files' names and
    MD5s, followed by `.dir`. Files that .dvcignore excludes are left out.
    """
    hashes = {file.relative_to(path).as_posix(): _md5_of(file) for file in files_in(path)}
    if not path.is_dir():
        return hashes.get(".")
    listed = [{"md5": md5, "relpath": name} for name, md5 in sorted(hashes.items())]
    return f"{hashlib.md5(json.dumps(listed, sort_keys=True).encode(), usedforsecurity=False).hexdigest()}.dir"


def _md5_of(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, partial(hashlib.md5, usedforsecurity=False)).hexdigest()
