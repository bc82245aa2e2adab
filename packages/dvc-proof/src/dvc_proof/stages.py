"""The stages of a DVC project as DVC reads them: with `foreach`, `matrix`, `wdir` and every dvc.yaml resolved."""

import os
import posixpath
from pathlib import Path
from typing import Any, NamedTuple

from dvc.exceptions import DvcException
from dvc.repo import Repo
from ruamel.yaml.error import YAMLError

from dvc_proof.git import Refused
from dvc_proof.lock import Stages, plotted, stages_of, within


class Declared(NamedTuple):
    """A stage of a dvc.yaml.

    cmd         the command; a list of commands as text
    deps, outs  paths of inputs and outputs, relative to the project's folder
    frozen      whether dvc.yaml has `frozen: true` for the stage: DVC does not run it
    in_git      outputs with `cache: false` in dvc.yaml: Git has to track them, because DVC does not store them
    """

    cmd: str
    deps: list[str]
    outs: list[str]
    frozen: bool
    in_git: list[str]


class Pipeline(NamedTuple):
    """The stages of a project, with paths relative to its folder.

    stages   the stages of every dvc.yaml, by DVC's name
    locked   the stages of every dvc.lock in the folder of a dvc.yaml, by DVC's name, also stages that no dvc.yaml has
    tracked  data that `dvc add` or `dvc import` tracks: the .dvc files by path, as stages
    shown    metrics, plots and artifacts that a dvc.yaml names outside its stages, if no stage or .dvc file has them
    """

    stages: dict[str, Declared]
    locked: Stages
    tracked: Stages
    shown: list[str]


def pipeline_in(root: Path) -> Pipeline:
    """Return the pipeline of the project in this folder.

    Raises Refused if the folder is not that of a DVC project, if a dvc.yaml, dvc.lock or .dvc is invalid, or if an
    output is outside the project's folder.
    """
    try:
        with Repo(str(root)) as repo:
            if not Path(repo.root_dir).samefile(root):
                top = posixpath.relpath(repo.root_dir, root.resolve())
                raise Refused(
                    f"this folder is a part of a DVC project; start the command in the project's folder, {top}"
                )
            index, entries = repo.index, list(repo.index.stages)
            named = [(file, name) for file, names in index._metrics.items() for name in names]
            named += [(file, name) for file, plots in index._plots.items() for name in plotted(plots)]
            named += [(file, own["path"]) for file, all_ in index._artifacts.items() for own in all_.values()]
    except (DvcException, YAMLError, ValueError, LookupError, RecursionError) as error:
        raise Refused(f"DVC cannot read the project: {_reason(error, root)}") from None

    def place(path: str) -> str:
        return posixpath.relpath(path, root.resolve())

    def paths(files: Any) -> list[str]:
        return [place(file.fs_path) if getattr(file, "protocol", "") == "local" else str(file) for file in files]

    stages, folders, locks, declared = dict[str, Declared](), dict[str, str](), dict[str, str](), list[str]()
    for entry in entries:
        name = lock = place(entry.path)  # of a .dvc file
        declared += (outs := paths(entry.outs))
        if outside := next((out for out in outs if out.startswith("../") or "://" in out), ""):
            raise Refused(f"{outside}: outputs outside the project's folder are not verified; move it into the folder")
        if entry.cmd is not None:
            lock = posixpath.join(posixpath.dirname(name), "dvc.lock")
            # as DVC prints it if it runs in this folder
            name = entry.name if name == "dvc.yaml" else f"{name}:{entry.name}"
            deps = paths(dep for dep in entry.deps if type(dep).__name__ != "ParamsDependency")
            in_git = paths(out for out in entry.outs if not out.use_cache)
            stages[name] = Declared(str(entry.cmd), deps, outs, entry.frozen, in_git)
        if (root / lock).is_file():
            locks[lock] = (root / lock).read_text(encoding="utf-8", errors="replace")
        folders[name] = posixpath.normpath(place(entry.wdir))
    locked = stages_of(locks, folders)
    tracked = {name: locked.pop(name) for name in [*locked] if name.endswith(".dvc")}
    shown = {posixpath.normpath(posixpath.join(posixpath.dirname(place(file)), name)) for file, name in named}
    undeclared = [path for path in sorted(shown) if not any(within(path, out) for out in declared)]
    return Pipeline(stages, locked, tracked, undeclared)


def _reason(error: Exception, root: Path) -> str:
    """Return DVC's message and cause in one line, with the line number in a YAML file. Paths are relative to root."""
    cause: Any = error.__cause__ or ""
    mark = getattr(cause, "problem_mark", None)
    more = f"line {mark.line + 1}: {cause.problem}" if mark else str(cause)
    message = f"{error}: {more}" if more not in str(error) else str(error)
    return " ".join(message.replace(f"{os.path.relpath(root)}/", "").split())
