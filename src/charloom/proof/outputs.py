"""What the stages make: which files, what the locks say of each, and what is in it."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from charloom.base.errors import WrongInput
from charloom.settings.dvc_lock import md5
from charloom.settings.pipeline import PIPELINE, Project, files_in
from dvc_summary.locks import Stage

FOLDER = ".dir"  # at the end of a folder's hash


class Output(NamedTuple):
    """A file or folder that a stage makes."""

    stage: str
    path: str
    in_git: bool

    @property
    def key(self) -> str:
        """Return its folder and name without ending, as `files` of settings/pipeline.py has it."""
        return f"{Path(self.path).parent.name}/{Path(self.path).stem}"


class Made(NamedTuple):
    """An output, committed and rebuilt.

    locked     its hash in the committed dvc.lock; None if it has none
    committed  its files as they are committed, by name; empty if only the hash is known here
    rebuilt    its files as they were rebuilt
    hashes     the MD5 of what is committed, if that is known, and the hash in the rebuilt dvc.lock
    """

    output: Output
    locked: str | None
    committed: dict[str, bytes]
    rebuilt: dict[str, bytes]
    hashes: tuple[str | None, str | None]

    @property
    def same(self) -> bool:
        """Return whether both locks have the same hash, and the committed file too."""
        return self.hash_same and (not self.output.in_git or self.content_same)

    @property
    def hash_same(self) -> bool:
        """Return whether both locks have the same hash."""
        return self.locked is not None and self.locked == self.hashes[1]

    @property
    def content_same(self) -> bool:
        """Return whether the committed file is the rebuilt one; False if only a hash is known."""
        return bool(self.committed) and self.hashes[0] == self.hashes[1]


def outputs(project: Project) -> Iterator[Output]:
    """Yield the outputs in the order of dvc.yaml. Raises WrongInput if the folder has no valid dvc.yaml."""
    try:
        for stage, says in project.stages().items():
            for entry in (each for kind in ("outs", "metrics", "plots") for each in says.get(kind, [])):
                (path, options), *more = ({entry: {}} if isinstance(entry, str) else entry).items()
                if more:
                    raise WrongInput(f"{PIPELINE}: {stage}: {path} and {more[0][0]} in one entry: allowed is one path")
                if Path(path).is_absolute() or path != os.path.normpath(path) or path.startswith(".."):
                    allowed = "allowed is a path in this folder, such as metrics/x.json"
                    raise WrongInput(f"{PIPELINE}: {stage}: {path}: {allowed}")
                yield Output(stage, path, options.get("cache") is False)
    except (TypeError, ValueError, AttributeError):
        raise WrongInput(f"{PIPELINE}: not as DVC reads it") from None


def hashes_of(lock: Mapping[str, Stage]) -> dict[str, str]:
    """Return what a lock says of every output."""
    return {path: digest for stage in lock.values() for path, digest in stage.outs.items()}


def contents(path: Path) -> dict[str, bytes]:
    """Return the file, or each file of the folder, by its name there; nothing where nothing is."""
    above = path if path.is_dir() else path.parent
    return {file.relative_to(above).as_posix(): file.read_bytes() for file in files_in(path)}


def cached(cache: Path, path: str, locked: str | None) -> dict[str, bytes]:
    """Return what DVC's cache on this machine holds of an output under its hash in dvc.lock; nothing if it is missing.

    What lies there under another content's hash counts as missing.
    """
    if not locked:
        return {}
    entry = cache / locked[:2] / locked[2:]
    try:
        if f"{md5(entry)}{FOLDER if locked.endswith(FOLDER) else ''}" != locked:
            return {}
        if not locked.endswith(FOLDER):
            return {Path(path).name: entry.read_bytes()}
        listed: list[Any] = json.loads(entry.read_bytes())
        hashes = {each["relpath"]: str(each["md5"]) for each in listed}
        return {relative: (cache / each[:2] / each[2:]).read_bytes() for relative, each in hashes.items()}
    except (OSError, ValueError, LookupError, TypeError):
        return {}
