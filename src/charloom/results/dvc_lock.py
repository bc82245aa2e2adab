"""dvc.lock: the inputs and outputs of every stage's last run, and DVC's hash of a file or folder."""

import hashlib
import json
from functools import cache, partial
from pathlib import Path

from charloom.core.base.errors import Damaged
from charloom.core.base.sources import files_in
from charloom.core.settings.pipeline import HERE, LOCK, Project
from groundwork.git import Refused
from groundwork.lock import Stages, stages_of


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
