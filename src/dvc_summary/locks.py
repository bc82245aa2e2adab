"""What dvc.lock says: the stages, what each was made of, and what became of it."""

import posixpath
import sys
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from itertools import islice
from typing import Any, NamedTuple

from dvc_summary.git import Refused

VALUES = 1_000_000  # in a dvc.lock, at most
REASON = 120  # characters of a reason


class Stage(NamedTuple):
    """What dvc.lock says of a stage: its command, and hash or value by name of its files and params."""

    cmd: str
    deps: dict[str, str]
    params: dict[str, Any]
    outs: dict[str, str]


NO_STAGE = Stage("", {}, {}, {})
Stages = dict[str, Stage]  # in the order in which they run


class Change(NamedTuple):
    """What became of a stage.

    side     `new` or `gone`; empty where it is on both sides
    same     how many outputs are the same bits
    outs     those that are not
    inputs   params, files and `cmd` that changed, and that no stage makes
    earlier  stages that make those of its inputs which changed
    """

    name: str
    side: str
    same: int
    outs: list[str]
    inputs: list[str]
    earlier: list[str]

    @property
    def apart(self) -> bool:
        """Return whether its results are not the same bits on both sides."""
        return bool(self.side or self.outs)


def stages_of(locks: Mapping[str, str], where: str = "HEAD") -> Stages:
    """Return the stages of the dvc.lock files, each after those whose files it reads.

    Raises Refused, which says where the files are.
    """
    try:
        from ruamel.yaml import YAML  # noqa: PLC0415  a message is better than a traceback
    except ImportError:
        raise Refused(f"{sys.executable} has no ruamel.yaml: start this with the Python that has DVC") from None
    found: Stages = {}
    yaml = YAML(typ="safe", pure=True)
    yaml.constructor.flatten_mapping = lambda _: None  # `<<` is refused: ten lines of it can be billions of keys
    try:
        for path, text in locks.items():
            folder, lock = posixpath.dirname(path), yaml.load(text)
            if next(islice(_values(lock), VALUES, None), None):
                raise ValueError(f"more than {VALUES:,} values")  # a few lines of aliases can be billions
            for name, entry in lock["stages"].items():
                found[f"{folder}/dvc.yaml:{name}" if folder else name] = _stage(entry, folder)
        makers = makers_of(found)
        graph = {name: {makers[dep] for dep in stage.deps if dep in makers} for name, stage in found.items()}
        return {name: found[name] for name in TopologicalSorter(graph).static_order()}
    except Exception as error:  # noqa: BLE001  ruamel raises of many kinds
        raise Refused(f"dvc.lock of {where}: not as DVC writes it: {' '.join(str(error).split())[:REASON]}") from None


def _values(nested: Any) -> Iterator[bool]:
    """Yield True for each value in nested lists and mappings, as often as it occurs."""
    waiting = [nested]
    while waiting:
        value = waiting.pop()
        waiting += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        yield True


def _stage(entry: Any, folder: str) -> Stage:
    deps, outs = (
        {
            posixpath.normpath(posixpath.join(folder, each["path"])): str(each.get(each.get("hash", "md5"), each))
            for each in entry.get(kind, [])
        }
        for kind in ("deps", "outs")
    )
    files = entry.get("params", {}).items()
    params = [leaves(values, "" if file == "params.yaml" else f"{file}:") for file, values in files]
    return Stage(str(entry["cmd"]), deps, dict(pair for each in params for pair in each), outs)


def leaves(nested: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values in nested mappings under dotted names."""
    if not isinstance(nested, dict) or not nested:
        yield prefix.removesuffix("."), nested
        return
    for key, value in nested.items():
        yield from leaves(value, f"{prefix}{key}.")


def within(path: str, folder: str) -> bool:
    """Return whether the path is the folder, or lies in it."""
    return path == folder or path.startswith(f"{folder}/")


def makers_of(stages: Stages) -> dict[str, str]:
    """Return by whom each file is made that a stage makes, those that others read out of its folders among them."""
    made = {out: name for name, stage in stages.items() for out in stage.outs}
    read = {dep for stage in stages.values() for dep in stage.deps if dep not in made}
    return made | {dep: name for dep in read for out, name in made.items() if within(dep, out)}


def compared(before: Stages, after: Stages) -> list[Change]:
    """Return what became of each stage, in the order in which they run."""
    made, found = makers_of(before | after), []
    for name in before | after:
        one, other = before.get(name, NO_STAGE), after.get(name, NO_STAGE)
        side = "" if name in before and name in after else "new" if name in after else "gone"
        deps, cmd = _differ(one.deps, other.deps), ["cmd"] if one.cmd != other.cmd else []
        inputs = [*sorted(_differ(one.params, other.params)), *(dep for dep in deps if dep not in made), *cmd]
        earlier = [made[dep] for dep in deps if dep in made]
        outs = _differ(one.outs, other.outs)
        found.append(Change(name, side, len(other.outs.keys() - outs), outs, inputs, earlier))
    return found


def _differ(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return [name for name in one | other if name not in one or name not in other or one[name] != other[name]]
