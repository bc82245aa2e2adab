"""The outputs of the stages: their paths, hashes and contents, the committed ones compared with the rebuilt ones."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from charloom.base.errors import WrongInput
from charloom.proof.differences import Row, difference
from charloom.settings.dvc_lock import LOCK
from charloom.settings.pipeline import OUTS, PIPELINE, Project, files_in, is_inside
from dvc_summary.locks import Stage

FOLDER = ".dir"  # suffix of a folder's hash
HASH = re.compile(r"[0-9a-f]{32}(\.dir)?")  # DVC's hash; anything else could lead out of the cache


class Output(NamedTuple):
    """A file or folder that dvc.yaml declares as an output of a stage.

    stage   name of the stage
    path    path relative to the project's folder
    in_git  whether the content is in Git (`cache: false` in dvc.yaml), not in DVC's cache
    """

    stage: str
    path: str
    in_git: bool

    @property
    def key(self) -> str:
        """Return the output's key in `pipeline.files`, folder and name without suffix: `metrics/train`."""
        return f"{Path(self.path).parent.name}/{Path(self.path).stem}"


class Result(NamedTuple):
    """An output of the commit, compared with the rebuilt one.

    locked     its hash in the committed dvc.lock; None if dvc.lock lacks the output
    relocked   its hash in the rebuilt dvc.lock
    digest     DVC's hash of the committed content; None if the content is not known
    committed  content of the committed files by name; empty if not known
    rebuilt    content of the rebuilt files by name; empty if it was not read
    """

    output: Output
    locked: str | None
    relocked: str | None
    digest: str | None
    committed: dict[str, bytes]
    rebuilt: dict[str, bytes]

    @property
    def hash_same(self) -> bool:
        """Return whether the committed and the rebuilt dvc.lock have the same hash of this output."""
        return self.locked is not None and self.locked == self.relocked

    @property
    def content_same(self) -> bool:
        """Return whether the committed content has the rebuilt hash; False if the committed content is not known."""
        return self.digest is not None and self.digest == self.relocked

    @property
    def same(self) -> bool:
        """Return whether both dvc.lock files have the same hash; for an output in Git, also the committed content."""
        return self.hash_same and (not self.output.in_git or self.content_same)

    @property
    def row(self) -> Row:
        """Return the row of the comparison, with the first difference of the contents as far as they are known."""
        return Row(self.output.stage, self.output.path, "" if self.same else self._difference())

    def _difference(self) -> str:
        if self.content_same:
            return f"the file is the same; {LOCK} has another hash"
        if not self.committed and self.output.in_git:
            return "it is not committed"
        if not self.committed:
            return f"{LOCK} has another hash, and the file with that hash is not on this machine"
        overwritten = f"a later stage overwrites what {self.output.stage} makes"
        return difference(self.committed, self.rebuilt) or overwritten


def outputs(project: Project) -> Iterator[Output]:
    """Yield the outputs of all stages in the order of dvc.yaml.

    Raises WrongInput if dvc.yaml is missing or invalid, or an output's path leads out of the folder.
    """
    try:
        for stage, declared in project.stages().items():
            for entry in (entry for kind in OUTS for entry in declared.get(kind, [])):
                (path, options), *more = ({entry: {}} if isinstance(entry, str) else entry).items()
                if more:
                    raise WrongInput(f"{PIPELINE}: {stage}: an output has {path} and {more[0][0]}; allowed is one path")
                if not is_inside(project.root / path, project.root):
                    allowed = "allowed is a path in this folder, such as metrics/x.json"
                    raise WrongInput(f"{PIPELINE}: {stage}: output {path} is not allowed; {allowed}")
                yield Output(stage, path, options.get("cache") is False)
    except (TypeError, ValueError, AttributeError):
        raise WrongInput(f"{PIPELINE}: the outputs of a stage are no list of paths") from None


def hashes_of(lock: Mapping[str, Stage]) -> dict[str, str]:
    """Return the hash of every output in a dvc.lock, by path. The argument has the stages by name."""
    return {path: digest for stage in lock.values() for path, digest in stage.outs.items()}


def contents(path: Path) -> dict[str, bytes]:
    """Return the content of a file, or of all files in a folder, by name.

    A name is relative to the folder, or to the file's own folder. The result is {} if nothing exists. Files that
    .dvcignore excludes are left out.
    """
    above = path if path.is_dir() else path.parent
    return {file.relative_to(above).as_posix(): file.read_bytes() for file in files_in(path)}


def cached(cache: Path, path: str, locked: str | None) -> dict[str, bytes]:
    """Return the content of an output's files by name, from DVC's cache on this machine.

    cache   folder of DVC's cache in which files are named by their MD5
    path    the output's path
    locked  the output's hash in dvc.lock, or None

    The result is {} if there is no hash, a file is missing, or a file does not have the hash that is its name.
    """
    locked = locked or ""
    try:
        content = _verified(cache, locked)
        if not locked.endswith(FOLDER):
            return {Path(path).name: content}
        return {file["relpath"]: _verified(cache, file["md5"]) for file in json.loads(content)}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _verified(cache: Path, digest: str) -> bytes:
    """Return the content of the file with this hash; of a folder's hash, the list of its files.

    Raises ValueError if the hash is none or the content has another, and OSError if there is no file.
    """
    if not HASH.fullmatch(digest):
        raise ValueError(digest)
    content = (cache / digest[:2] / digest[2:]).read_bytes()
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != digest.removesuffix(FOLDER):
        raise ValueError(digest)
    return content
