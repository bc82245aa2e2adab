"""dvc.lock: what every stage was run with. A record is made only where the same lies here now."""

import hashlib
import json
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

from charloom.base.errors import CheckFailed, Damaged
from charloom.base.sealed import sealed, unsealed
from charloom.base.storage import write
from charloom.settings.params import Params, flat_of, read_params
from charloom.settings.pipeline import HERE, OWN, Project, difference, files_in, names_of, params_of
from dvc_summary.git import Refused
from dvc_summary.locks import Stage, Stages, stages_of

LOCK = Path("dvc.lock")
NOTES = OWN / "used"


@cache
def stages_in(lock: bytes) -> Stages:
    """Return each stage of what a dvc.lock holds. Raises Damaged if it is not what DVC writes."""
    try:
        return stages_of({str(LOCK): lock.decode()})
    except (Refused, UnicodeDecodeError):
        raise Damaged(f"{LOCK}: not what DVC wrote; `git checkout {LOCK}` brings it back") from None


def locked(project: Project = HERE) -> Stages:
    """Return each stage of the project's dvc.lock. Raises Damaged if it is missing or not what DVC writes."""
    path = project.root / LOCK
    return stages_in(path.read_bytes() if path.is_file() else b"")


def note_used(stage: str) -> None:
    """Write down what the stage has used and made, as dvc.lock is to have it.

    DVC hashes its inputs a moment later, when the stage has ended: an edit in between enters dvc.lock as what was used.
    `ensure_recorded` compares.
    """
    params, says = read_params(), HERE.declared(stage)
    outs = [entry for kind in ("outs", "metrics", "plots") for entry in says.get(kind, [])]
    if outs:
        paths = (names_of(entries, params.prepare.text) for entries in (says["deps"], outs))
        used, made = ({path: md5(Path(path)) for path in each} for each in paths)
        with suppress(OSError):  # a folder that cannot be written is no reason to fail
            write(_note(stage), sealed([params_of(says, params) | used, made]))


def forget_notes() -> None:
    """Remove the notes: dvc.lock has been compared with them, and other commits' locks are none of their business."""
    for stage in HERE.stages():
        with suppress(OSError):
            _note(stage).unlink()


def _note(stage: str) -> Path:
    return NOTES / f"{stage}.json"


def ensure_recorded(params: Params) -> None:
    """Raise CheckFailed if a stage was run with other params than these, or with other files than are here.

    Also if it noted that it used others than dvc.lock says. Raises Damaged as `locked` does.
    """
    stages = {name: stage for name, stage in locked().items() if name != "track"}
    now = flat_of(params) | {dep: md5(Path(dep)) for dep in {dep for stage in stages.values() for dep in stage.deps}}
    for name, stage in stages.items():
        # Params of other files, and files elsewhere, are not known here.
        used = {each: value for each, value in (stage.params | stage.deps).items() if ":" not in each}
        if what := difference(used, {each: now.get(each) for each in used}):
            raise CheckFailed(f"{name}: edited since it ran: {what}: not recorded; `dvc repro` runs it again")
        if what := _noted_otherwise(name, stage, used):
            raise CheckFailed(f"{name}: edited as it ended: {what}: not recorded; `dvc repro --force` runs it again")


def _noted_otherwise(name: str, stage: Stage, used: dict[str, Any]) -> str:
    """Return in what the stage's note differs from dvc.lock; nothing if it is of other outputs, or damaged."""
    with suppress(OSError, ValueError):
        noted, made = unsealed(_note(name).read_bytes().rstrip(b"\n"))
        return difference(noted, used) if made == stage.outs else ""
    return ""


def md5(path: Path) -> str | None:
    """Return DVC's hash: MD5 of a file; of a folder, of a list of its files' as JSON; None where nothing is there."""
    found = {file.relative_to(path).as_posix(): _md5_of(file) for file in files_in(path)}
    if not path.is_dir():
        return found.get(".")
    listed = [{"md5": md5, "relpath": name} for name, md5 in sorted(found.items())]
    return f"{hashlib.md5(json.dumps(listed, sort_keys=True).encode(), usedforsecurity=False).hexdigest()}.dir"


def _md5_of(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, partial(hashlib.md5, usedforsecurity=False)).hexdigest()
