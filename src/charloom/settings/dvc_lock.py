"""dvc.lock: what every stage was run with. A record is made only where the same lies here now."""

import hashlib
import json
from functools import cache, partial
from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError

from charloom.base.errors import CheckFailed, Damaged
from charloom.base.yaml_text import parsed
from charloom.settings.params import PARAMS, Params, flat
from charloom.settings.pipeline import difference, files_in

LOCK = Path("dvc.lock")


def locked() -> dict[str, Any]:
    """Return what dvc.lock says of each stage. Raises Damaged where it is not what DVC writes."""
    try:
        stages: dict[str, Any] = parsed(LOCK.read_text(encoding="utf-8"))["stages"]
        return {stage: dict(entry) for stage, entry in stages.items()}
    except (YAMLError, LookupError, TypeError, ValueError, AttributeError):
        raise Damaged(f"{LOCK}: not what DVC wrote; `git checkout {LOCK}` brings it back") from None


def ensure_recorded(params: Params) -> None:
    """Raise CheckFailed where a stage was run with other params than these, or other files than are here.

    Raises Damaged as `locked` does.
    """
    now = dict(flat(params.model_dump()))
    for stage, entry in locked().items():
        used = dict(flat(entry.get("params", {}).get(str(PARAMS), {})))
        hashes = {dependency["path"]: dependency.get("md5") for dependency in entry.get("deps", [])}
        here = {name: now.get(name) for name in used} | {path: md5(Path(path)) for path in hashes}
        if stage != "track" and (what := difference(used | hashes, here)):
            raise CheckFailed(f"{stage}: edited since it ran: {what}: not recorded; `dvc repro` runs it again")


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
