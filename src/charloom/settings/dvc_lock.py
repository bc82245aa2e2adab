"""dvc.lock: what every stage was run with. A record is made only where the same lies here now."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from charloom.base.errors import CheckFailed, Damaged
from charloom.base.sealed import sealed, unsealed
from charloom.base.yaml_text import NO_YAML, parsed
from charloom.settings.params import PARAMS, Params, flat, flat_of, read_params
from charloom.settings.pipeline import OWN, declared, difference, ensure_unchanged, files_in, params_of, paths_of, root

LOCK = Path("dvc.lock")


class Stage(NamedTuple):
    """What a stage was run with, and what it made.

    params      by dotted names
    deps, outs  DVC's hash by path; None where it is of another kind than MD5
    """

    cmd: str
    params: dict[str, Any]
    deps: dict[str, str | None]
    outs: dict[str, str | None]


def stages_in(lock: bytes) -> dict[str, Stage]:
    """Return each stage of what a dvc.lock holds. Raises Damaged where it is not what DVC writes."""
    try:
        entries = parsed(lock.decode())["stages"].items()
        return {
            name: Stage(
                entry["cmd"],
                dict(flat(entry.get("params", {}).get(str(PARAMS), {}))),
                *({each["path"]: each.get("md5") for each in entry.get(kind, [])} for kind in ("deps", "outs")),
            )
            for name, entry in entries
        }
    except (*NO_YAML, TypeError, AttributeError):
        raise Damaged(f"{LOCK}: not what DVC wrote; `git checkout {LOCK}` brings it back") from None


def locked() -> dict[str, Stage]:
    """Return each stage of this folder's dvc.lock. Raises Damaged where it is none."""
    return stages_in(LOCK.read_bytes() if LOCK.is_file() else b"")


def ensure_made(stage: str, before: dict[str, Any], since: dict[str, int]) -> None:
    """Note of what this stage has made its outputs. Raises CheckFailed as `ensure_unchanged` does.

    DVC takes its own hashes a moment later, when the stage has ended: what is edited in between is in dvc.lock as what
    was used. `ensure_recorded` knows better by this note.
    """
    params, says = read_params(), declared(stage)
    used = params_of(says, params.model_dump()) | {path: md5(Path(path)) for path in paths_of(says["deps"], params)}
    made = {
        path: md5(Path(path)) for kind in ("outs", "metrics", "plots") for path in paths_of(says.get(kind, []), params)
    }
    ensure_unchanged(stage, before, since)
    with suppress(OSError):  # a folder that cannot be written is no reason to fail
        note = _note(stage, made)
        note.parent.mkdir(parents=True, exist_ok=True)
        with note.open("a", encoding="utf-8") as file:
            file.write(sealed(used))


def _note(stage: str, made: Mapping[str, str | None]) -> Path:
    """Return the file whose lines say of what these outputs have been made here."""
    digest = hashlib.sha256(json.dumps(sorted(made.items())).encode()).hexdigest()[:16]
    return root() / OWN / "made" / f"{stage}-{digest}.notes"


def ensure_recorded(params: Params) -> None:
    """Raise CheckFailed where a stage was run with other params than these, or other files than are here.

    And where this machine has noted of what the outputs were made, and it was never that. Raises Damaged as `locked`
    does.
    """
    now = flat_of(params)
    for name, stage in locked().items():
        used: dict[str, Any] = stage.params | stage.deps
        here = {each: now.get(each) for each in stage.params} | {path: md5(Path(path)) for path in stage.deps}
        if name == "track":
            continue
        if what := difference(used, here):
            raise CheckFailed(f"{name}: edited since it ran: {what}: not recorded; `dvc repro` runs it again")
        if what := _not_made_of(name, stage, used):
            raise CheckFailed(f"{name}: edited as it ended: {what}: not recorded; `dvc repro --force` runs it again")


def _not_made_of(name: str, stage: Stage, used: dict[str, Any]) -> str:
    """Return in what all that is noted of these outputs differs from what dvc.lock says was used."""
    notes = []
    with suppress(OSError):
        for line in _note(name, stage.outs).read_bytes().split(b"\n"):
            with suppress(ValueError):  # it is damaged
                notes.append(unsealed(line))
    return "" if not notes or used in notes else difference(notes[-1], used)


def md5(path: Path) -> str | None:
    """Return DVC's hash: MD5 of a file; of a folder, of a list of its files' as JSON; None where nothing is there."""
    found = {file.relative_to(path).as_posix(): _md5_of(file, file.stat().st_mtime_ns) for file in files_in(path)}
    if not path.is_dir():
        return found.get(".")
    listed = [{"md5": md5, "relpath": name} for name, md5 in sorted(found.items())]
    return f"{hashlib.md5(json.dumps(listed, sort_keys=True).encode(), usedforsecurity=False).hexdigest()}.dir"


@cache
def _md5_of(file: Path, _: int) -> str:
    """Return the MD5 of the file as it was written last. It is asked for several times, and may be large."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, partial(hashlib.md5, usedforsecurity=False)).hexdigest()
