"""Read dvc.lock files: the stages with the hashes of their inputs and outputs."""

import posixpath
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import chain, islice
from types import MappingProxyType
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, SequenceNode

from dvc_proof.git import Refused

VALUES = 1_000_000  # nodes of a YAML document, at most
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

    Raises Refused if a file is not in DVC's format, or has more than VALUES values, or if stages form a cycle.
    """
    stages: Stages = {}
    try:
        for path, text in locks.items():
            folder, lock = posixpath.dirname(path), parsed(text)
            entries = {"": {"cmd": ""} | lock} if path.endswith(".dvc") else lock["stages"]
            start = path if path.endswith(".dvc") else f"{folder}/dvc.yaml:" if folder else ""
            for name, entry in entries.items():
                stages[start + name] = _stage(entry, folders.get(start + name, folder))
        makers = makers_of(stages)
        graph = {name: {makers[dep] for dep in stage.deps if dep in makers} for name, stage in stages.items()}
        return {name: stages[name] for name in TopologicalSorter(graph).static_order()}
    except CycleError as error:
        cycle = ", ".join(error.args[1])
        raise Refused(f"dvc.lock: stages in a cycle: {cycle}; restore the file that DVC wrote") from None
    except Exception as error:  # noqa: BLE001  the parser raises exceptions of many types, and so does a value of another type
        reason = " ".join(str(error).split())[:REASON]
        raise Refused(f"{path} is not in DVC's format: {reason}; restore the file that DVC wrote") from None


def parsed(text: str) -> Any:
    """Return the value of a YAML 1.2 document, as DVC reads it.

    Raises an exception of ruamel.yaml if the document is invalid, and ValueError if it has more than VALUES nodes.
    """
    yaml = YAML(typ="safe", pure=True)
    node = yaml.compose(text)
    if next(islice(_nodes(node), VALUES, None), None):
        raise ValueError(f"more than {VALUES:,} values")  # ten lines with aliases can expand to billions
    return yaml.constructor.construct_document(node) if node else None


def _nodes(root: Any) -> Iterator[Any]:
    """Yield the nodes of a YAML document. A node to which n aliases or merge keys refer is yielded each time."""
    stack = [root]
    while stack:
        yield (node := stack.pop())
        stack += chain.from_iterable(node.value) if isinstance(node, MappingNode) else ()
        stack += node.value if isinstance(node, SequenceNode) else ()


def _stage(entry: Any, folder: str) -> Stage:
    entries, params, hashes = dict[str, Any](), dict[str, Any](), dict[str, dict[str, str]]()
    for kind in ("deps", "outs"):
        files = [file for file in entry.get(kind, []) if "path" in file or kind == "outs"]
        own = {posixpath.normpath(posixpath.join(folder, file["path"])): file for file in files}
        hashes[kind] = {path: str(file.get(file.get("hash", "md5"), file)) for path, file in own.items()}
        entries |= own
    for file, values in entry.get("params", {}).items():
        params |= leaves(values, "" if file == "params.yaml" else f"{file}:")
    return Stage(str(entry["cmd"]), hashes["deps"], params, hashes["outs"], entries)


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
