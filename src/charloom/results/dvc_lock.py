"""dvc.lock: the inputs and outputs of every stage's last run, and DVC's hash of a file or folder."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from charloom.core.base.errors import Damaged
from charloom.core.base.sources import files_in
from charloom.core.base.yaml12 import NO_YAML, leaves, parse_yaml
from charloom.core.config.pipeline import HERE, LOCK, Project


class LockedStage(NamedTuple):
    """A stage in dvc.lock: its command, DVC's hash of each input and output by path, and its params by dotted name."""

    cmd: str
    deps: dict[str, str]
    params: dict[str, Any]
    outs: dict[str, str]


LockedStages = dict[str, LockedStage]  # by name


@cache
def stages_in(lock: bytes) -> LockedStages:
    """Return {name: LockedStage} of a dvc.lock's content. Raises Damaged if it is empty or not in DVC's format."""
    try:
        return {name: _stage(entry) for name, entry in parse_yaml(lock.decode())["stages"].items()}
    except (*NO_YAML, AttributeError, TypeError):
        raise Damaged(f"{LOCK}: missing, or not in DVC's format; `rm -f {LOCK} && dvc repro` writes it") from None


def locked(project: Project = HERE) -> LockedStages:
    """Return {name: LockedStage} of the project's dvc.lock. Raises Damaged if it is missing or not in DVC's format."""
    path = project.root / LOCK
    return stages_in(path.read_bytes() if path.is_file() else b"")


def _stage(entry: Mapping[str, Any]) -> LockedStage:
    def hashes(files: str) -> dict[str, str]:
        return {file["path"]: str(file.get("md5", file)) for file in entry.get(files, [])}

    params = entry.get("params", {}).get("params.yaml")
    return LockedStage(str(entry["cmd"]), hashes("deps"), dict(leaves(params) if params else ()), hashes("outs"))


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
