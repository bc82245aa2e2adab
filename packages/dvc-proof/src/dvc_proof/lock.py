"""Read dvc.lock files: the stages with the hashes of their inputs and outputs."""

import posixpath
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor

from dvc_proof.git import Refused

VALUES = 1_000_000  # values in a dvc.lock, at most
REASON = 120  # characters of an error message, at most


class Stage(NamedTuple):
    """A stage in dvc.lock.

    cmd         the command; a list of commands as text
    deps, outs  hashes of inputs and outputs, by path relative to the project's folder; for a file without a hash, its
                whole entry as text
    params      values by dotted name, such as `train.eta`; a param of another file than params.yaml is `file:name`
    entries     the whole entries of inputs and outputs by path: `size`, `nfiles`, and `hash`, which DVC 2 did not write
    """

    cmd: str
    deps: dict[str, str]
    params: dict[str, Any]
    outs: dict[str, str]
    entries: Mapping[str, Any] = MappingProxyType({})


NO_STAGE = Stage("", {}, {}, {})
Stages = dict[str, Stage]  # by name, in the order in which they run


def stages_of(locks: Mapping[str, str], folders: Mapping[str, str] = MappingProxyType({})) -> Stages:
    """Return the stages of several dvc.lock files by name, every stage after the stages whose outputs it reads.

    locks    content of the files by path; a stage of a dvc.lock in a subfolder gets the name folder/dvc.yaml:name. A
             .dvc file is a stage under its own path
    folders  the working folders of stages by name; by default the folder of the dvc.lock

    Raises Refused if a file is not in DVC's format, or has more than VALUES values.
    """
    stages: Stages = {}
    try:
        for path, text in locks.items():
            folder, lock = posixpath.dirname(path), parsed(text)
            if next(islice(_values(lock), VALUES, None), None):
                raise ValueError(f"more than {VALUES:,} values")  # a few lines of aliases can expand to billions
            own = (
                {path: {"cmd": ""} | lock}
                if path.endswith(".dvc")
                else {f"{folder}/dvc.yaml:{name}" if folder else name: entry for name, entry in lock["stages"].items()}
            )
            stages |= {name: _stage(entry, folders.get(name, folder)) for name, entry in own.items()}
        makers = makers_of(stages)
        graph = {name: {makers[dep] for dep in stage.deps if dep in makers} for name, stage in stages.items()}
        return {name: stages[name] for name in TopologicalSorter(graph).static_order()}
    except Exception as error:  # noqa: BLE001  the parser raises exceptions of many types, and so does a value of another type
        raise Refused(
            f"{path} is not in DVC's format: {' '.join(str(error).split())[:REASON]}; restore the file that DVC wrote"
        ) from None


class _Constructor(SafeConstructor):
    """ruamel.yaml's constructor without merge keys (`<<`): ten lines with them can expand to billions of values."""

    def flatten_mapping(self, node: Any) -> Any:
        """Raise ConstructorError if the mapping has a merge key."""
        if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            raise ConstructorError(problem="found a merge key, which DVC does not write", problem_mark=node.start_mark)


def parsed(text: str) -> Any:
    """Return the value of a YAML 1.2 document, as DVC reads it. Raises an exception of ruamel.yaml if it is invalid."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    return yaml.load(text)


def read_lock(file: Path) -> Stages:
    """Return the stages of a dvc.lock; {} if the file does not exist. Raises Refused as `stages_of` does."""
    return stages_of({file.name: file.read_text(encoding="utf-8", errors="replace")}) if file.exists() else {}


def _values(nested: Any) -> Iterator[bool]:
    """Yield True for every value in nested lists and mappings, to count the values.

    A value to which n YAML aliases refer counts each time.
    """
    stack = [nested]
    while stack:
        value = stack.pop()
        stack += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        yield True


def _stage(entry: Any, folder: str) -> Stage:
    deps, outs = (
        {
            posixpath.normpath(posixpath.join(folder, file["path"])): file
            for file in entry.get(kind, [])
            if "path" in file or kind == "outs"
        }
        for kind in ("deps", "outs")
    )
    hashes = (
        {path: str(file.get(file.get("hash", "md5"), file)) for path, file in files.items()} for files in (deps, outs)
    )
    files = entry.get("params", {}).items()
    params = [leaves(values, "" if file == "params.yaml" else f"{file}:") for file, values in files]
    own_deps, own_outs = hashes
    return Stage(str(entry["cmd"]), own_deps, dict(pair for pairs in params for pair in pairs), own_outs, deps | outs)


def leaves(nested: Any, prefix: str = "", *, lists: bool = False) -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, value) for the leaves of nested mappings; an empty mapping is a leaf.

    prefix  text before each name
    lists   whether the items of a list are visited, too, as `a.0.b` for a list under `a`; False: a list is a leaf
    """
    nested = dict(enumerate(nested)) if lists and isinstance(nested, list) and nested else nested
    if not isinstance(nested, dict) or not nested:
        yield prefix.removesuffix("."), nested
        return
    for key, value in nested.items():
        yield from leaves(value, f"{prefix}{key}.", lists=lists)


def within(path: str, folder: str) -> bool:
    """Return whether the path is the folder or is inside it."""
    return path == folder or path.startswith(f"{folder}/")


def makers_of(stages: Stages) -> dict[str, str]:
    """Return {path: name of the stage that makes it}: each output, and each input inside another stage's output."""
    makers = {out: name for name, stage in stages.items() for out in stage.outs}
    read = {dep for stage in stages.values() for dep in stage.deps if dep not in makers}
    return makers | {dep: name for dep in read for out, name in makers.items() if within(dep, out)}


def plotted(entries: Any) -> Iterator[str]:
    """Yield the paths of files in the value of `metrics` or `plots` of a dvc.yaml.

    The key of a plot is the path of its file, unless `x` or `y` under the key has paths.
    """
    for entry in entries if isinstance(entries, list) else [entries]:
        for name, options in ({entry: None} if isinstance(entry, str) else entry).items():
            axes = ((options or {}).get(axis) for axis in ("x", "y"))
            yield from [file for axis in axes if isinstance(axis, dict) for file in axis] or [name]
