"""The outputs of the stages: their paths, their hashes in dvc.lock, and their contents."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from charloom.base.errors import WrongInput
from charloom.settings.dvc_lock import md5
from charloom.settings.pipeline import PIPELINE, Project, files_in
from dvc_summary.locks import Stage

FOLDER = ".dir"  # suffix of a folder's hash


class Output(NamedTuple):
    """A file or folder that dvc.yaml declares as an output of a stage.

    in_git  whether the file is tracked by Git, not by DVC's cache
    """

    stage: str
    path: str
    in_git: bool

    @property
    def key(self) -> str:
        """Return folder and stem, the key of the output in `pipeline.files`: `metrics/train`."""
        return f"{Path(self.path).parent.name}/{Path(self.path).stem}"


class Pair(NamedTuple):
    """An output, committed and rebuilt.

    locked     hash in the committed dvc.lock, or None
    committed  content of the committed files by name; empty if only the hash is known
    rebuilt    content of the rebuilt files by name
    hashes     DVC's hash of the committed files, and the hash in the rebuilt dvc.lock; None for a missing one
    """

    output: Output
    locked: str | None
    committed: dict[str, bytes]
    rebuilt: dict[str, bytes]
    hashes: tuple[str | None, str | None]

    @property
    def same(self) -> bool:
        """Return whether both locks have the same hash and, for an output in Git, the committed content has it too."""
        return self.hash_same and (not self.output.in_git or self.content_same)

    @property
    def hash_same(self) -> bool:
        """Return whether the committed and the rebuilt dvc.lock have the same hash."""
        return self.locked is not None and self.locked == self.hashes[1]

    @property
    def content_same(self) -> bool:
        """Return whether committed and rebuilt content are equal; False if the committed content is not known."""
        return bool(self.committed) and self.hashes[0] == self.hashes[1]


def outputs(project: Project) -> Iterator[Output]:
    """Yield the outputs in the order of dvc.yaml. Raises WrongInput if dvc.yaml is missing or invalid."""
    try:
        for stage, declared in project.stages().items():
            for entry in (entry for kind in ("outs", "metrics", "plots") for entry in declared.get(kind, [])):
                (path, options), *more = ({entry: {}} if isinstance(entry, str) else entry).items()
                if more:
                    raise WrongInput(f"{PIPELINE}: {stage}: {path} and {more[0][0]} in one entry: allowed is one path")
                if Path(path).is_absolute() or path != os.path.normpath(path) or path.startswith(".."):
                    allowed = "allowed is a path in this folder, such as metrics/x.json"
                    raise WrongInput(f"{PIPELINE}: {stage}: {path}: {allowed}")
                yield Output(stage, path, options.get("cache") is False)
    except (TypeError, ValueError, AttributeError):
        raise WrongInput(f"{PIPELINE}: DVC cannot read it") from None


def hashes_of(lock: Mapping[str, Stage]) -> dict[str, str]:
    """Return the hash of every output in a lock, by path."""
    return {path: digest for stage in lock.values() for path, digest in stage.outs.items()}


def contents(path: Path) -> dict[str, bytes]:
    """Return the content of a file, or of all files in a folder, by relative name; {} if nothing exists."""
    above = path if path.is_dir() else path.parent
    return {file.relative_to(above).as_posix(): file.read_bytes() for file in files_in(path)}


def cached(cache: Path, path: str, locked: str | None) -> dict[str, bytes]:
    """Return the content of an output's files by name, from DVC's cache on this machine.

    locked  the output's hash in dvc.lock

    Returns {} if a file is missing, or an entry's content does not have the hash in its name.
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
        hashes = {file["relpath"]: str(file["md5"]) for file in listed}
        return {relative: (cache / digest[:2] / digest[2:]).read_bytes() for relative, digest in hashes.items()}
    except (OSError, ValueError, LookupError, TypeError):
        return {}
