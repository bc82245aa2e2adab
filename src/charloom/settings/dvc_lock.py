"""dvc.lock: what every stage was run with. A record is made only where the same lies here now."""

import hashlib
import json
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from charloom.base.errors import CheckFailed, Damaged
from charloom.base.yaml_text import NO_YAML, parsed
from charloom.settings.params import PARAMS, Params, flat
from charloom.settings.pipeline import difference, files_in

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


def ensure_recorded(params: Params) -> None:
    """Raise CheckFailed where a stage was run with other params than these, or other files than are here.

    Raises Damaged as `locked` does.
    """
    now = dict(flat(params.model_dump()))
    for name, stage in locked().items():
        here = {each: now.get(each) for each in stage.params} | {path: md5(Path(path)) for path in stage.deps}
        if name != "track" and (what := difference(stage.params | stage.deps, here)):
            raise CheckFailed(f"{name}: edited since it ran: {what}: not recorded; `dvc repro` runs it again")


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
