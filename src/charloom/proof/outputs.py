"""What the stages make: which files, what dvc.lock says of each, and what is in it."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml.error import YAMLError

from charloom.base.errors import WrongInput
from charloom.base.yaml_text import parsed
from charloom.results.git import git
from charloom.settings.dvc_lock import Stage, md5
from charloom.settings.pipeline import PIPELINE, files_in
from dvc_summary.locks import within

# What DVC lets a stage say, and is known here.
KEYS = {"desc", "cmd", "params", "deps", "outs", "metrics", "plots", "meta", "frozen", "always_changed"}
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
    """An output, committed and made again.

    locked     its hash in the committed dvc.lock; None where it has none
    committed  its files as they are committed, by name; empty where only the hash is known here
    rebuilt    its files as they were made again
    hashes     the MD5 of what is committed, where that is known, and of what was rebuilt
    """

    output: Output
    locked: str | None
    committed: dict[str, bytes]
    rebuilt: dict[str, bytes]
    hashes: tuple[str | None, str | None]

    @property
    def same(self) -> bool:
        """Return whether the file and its hash in dvc.lock are both what was made again."""
        return self.hash_same and (not self.output.in_git or self.content_same)

    @property
    def hash_same(self) -> bool:
        """Return whether dvc.lock has the hash of what was made again."""
        return self.locked is not None and self.locked == self.hashes[1]

    @property
    def content_same(self) -> bool:
        """Return whether what is committed is what was made again; False where only a hash is known."""
        return bool(self.committed) and self.committed == self.rebuilt


def outputs(folder: Path) -> Iterator[Output]:
    """Yield the outputs in the order of dvc.yaml. Raises WrongInput if the folder has no valid dvc.yaml."""
    try:
        stages = parsed((folder / PIPELINE).read_text(encoding="utf-8"))["stages"]
        for stage, declared in stages.items():
            for entry in (each for kind in ("outs", "metrics", "plots") for each in declared.get(kind, [])):
                (path, options), *more = ({entry: {}} if isinstance(entry, str) else entry).items()
                if more:
                    raise WrongInput(f"{PIPELINE}: {stage}: {path} and {more[0][0]} in one entry: allowed is one path")
                if Path(path).is_absolute() or path != os.path.normpath(path) or path.startswith(".."):
                    raise WrongInput(
                        f"{PIPELINE}: {stage}: {path}: allowed is a path in this folder, such as metrics/x.json"
                    )
                yield Output(stage, path, options.get("cache") is False)
    except FileNotFoundError:
        raise WrongInput(f"{PIPELINE}: there is none") from None
    except (YAMLError, LookupError, TypeError, ValueError, AttributeError):
        raise WrongInput(f"{PIPELINE}: not as DVC reads it") from None


def not_made_again(made: list[Output]) -> Iterator[tuple[str, str]]:
    """Yield stage and what is said of it, for all that makes DVC show a result here which is none of these outputs."""
    pipeline = parsed(PIPELINE.read_text(encoding="utf-8"))
    for stage, declared in pipeline["stages"].items():
        for key in declared.keys() - KEYS:
            yield stage, f"{PIPELINE}: {key}: what it comes to is not known here, and was not made again"
    last = list(pipeline["stages"])[-1]
    for key in pipeline.keys() - {"stages", "plots"}:
        yield last, f"{PIPELINE}: {key}: what it names was not made again"
    for path in _plotted(pipeline.get("plots", [])):
        if not any(within(path, each.path) for each in made):
            yield last, f"{PIPELINE}: plots: {path} was not made again"
    for path in git("ls-files", "--", f"*/{PIPELINE}").splitlines():
        yield last, f"{path}: its stages were not run"


def _plotted(plots: Any) -> Iterator[str]:
    """Yield the files that dvc.yaml's `plots` names: as a plot's own name, or beside its columns."""
    for entry in plots if isinstance(plots, list) else [plots]:
        for name, options in ({entry: None} if isinstance(entry, str) else entry).items():
            axes = ((options or {}).get(axis) for axis in ("x", "y"))
            yield from [file for axis in axes if isinstance(axis, dict) for file in axis] or [name]


def hashes_of(stages: Mapping[str, Stage]) -> dict[str, str | None]:
    """Return what dvc.lock says of every output."""
    return {path: digest for stage in stages.values() for path, digest in stage.outs.items()}


def contents(path: Path) -> dict[str, bytes]:
    """Return the file, or each file of the folder, by its name there; nothing where nothing is."""
    above = path if path.is_dir() else path.parent
    return {file.relative_to(above).as_posix(): file.read_bytes() for file in files_in(path)}


def cached(cache: Path, path: str, locked: str | None) -> dict[str, bytes]:
    """Return what DVC's cache on this machine holds of an output under its hash in dvc.lock; nothing where it does not.

    What lies there under another content's hash counts as not there.
    """
    if not locked:
        return {}
    entry = cache / locked[:2] / locked[2:]
    try:
        if f"{md5(entry)}{FOLDER if locked.endswith(FOLDER) else ''}" != locked:
            return {}
        if not locked.endswith(FOLDER):
            return {Path(path).name: entry.read_bytes()}
        listed = {each["relpath"]: str(each["md5"]) for each in json.loads(entry.read_bytes())}
        return {relative: (cache / each[:2] / each[2:]).read_bytes() for relative, each in listed.items()}
    except (OSError, ValueError, LookupError, TypeError):
        return {}
