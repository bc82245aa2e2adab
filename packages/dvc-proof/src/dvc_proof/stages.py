"""The stages of a DVC project as DVC reads them: with `foreach`, `matrix`, `wdir` and every dvc.yaml resolved."""

import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dvc.exceptions import DvcException
from dvc.repo import Repo
from ruamel.yaml.error import YAMLError

from dvc_proof.git import Refused
from dvc_proof.lock import Stage, Stages, leaves
from dvc_proof.plotted import plotted


class Pipeline(NamedTuple):
    """The stages of a project, with paths relative to its folder.

    stages   commands, params and hashes as in dvc.lock, by DVC's name of the stage. A missing hash is "", and so is
             the command if dvc.lock has another one than dvc.yaml
    frozen   names of stages with a command that DVC does not run
    tracked  data that `dvc add` or `dvc import` tracks: its path and the .dvc file
    files    every dvc.yaml with stages
    shown    files that a dvc.yaml names outside its stages: metrics, plots, artifacts
    """

    stages: Stages
    frozen: list[str]
    tracked: dict[str, str]
    files: list[str]
    shown: list[str]


def pipeline_in(root: Path) -> Pipeline:
    """Return the pipeline of the project in this folder.

    Raises Refused if the folder is no DVC project, if a dvc.yaml or dvc.lock is invalid, or if a path leads out.
    """
    try:
        with Repo(str(root)) as repo:
            index, entries = repo.index, list(repo.index.stages)
            named = [(file, name) for file, names in index._metrics.items() for name in names]
            named += [(file, name) for file, plots in index._plots.items() for name in plotted(plots)]
            named += [(file, own["path"]) for file, all_ in index._artifacts.items() for own in all_.values()]
    except (DvcException, YAMLError, ValueError, LookupError, RecursionError) as error:
        raise Refused(f"DVC cannot read the project: {' '.join(str(error).split())}") from None

    def place(entry: Any) -> str:
        return posixpath.relpath(entry.path, root.resolve())

    def name_of(entry: Any) -> str:  # as DVC prints it if it runs in this folder
        return entry.name if place(entry) == "dvc.yaml" else f"{place(entry)}:{entry.name}"

    def paths(files: Any) -> Iterator[tuple[str, Any]]:
        for file in files:
            path = posixpath.relpath(file.fs_path, root.resolve()) if file.protocol == "local" else "../"
            if path.startswith("../"):
                raise Refused(f"{file}: outside the project's folder, where verification does not follow")
            yield path, file.hash_info.value if file.hash_info else ""

    stages, tracked = Stages(), dict[str, str]()
    run = [entry for entry in entries if entry.cmd is not None]
    for entry in entries:
        if entry not in run:
            tracked |= {path: place(entry) for path, _ in paths(entry.outs)}
            continue
        values = dict(paths(entry.deps))
        params = {path: value for path, value in values.items() if isinstance(value, dict)}
        dotted = [leaves(value, "" if path == "params.yaml" else f"{path}:") for path, value in params.items()]
        deps, outs = (
            {p: v or "" for p, v in pairs if p not in params} for pairs in (values.items(), paths(entry.outs))
        )
        cmd = "" if entry.cmd_changed else str(entry.cmd)  # DVC takes it from dvc.yaml, and the rest from dvc.lock
        stages[name_of(entry)] = Stage(cmd, deps, dict(pair for pairs in dotted for pair in pairs), outs)
    files = sorted({place(entry) for entry in run})
    frozen = [name_of(entry) for entry in run if entry.frozen]
    folders = ((posixpath.dirname(posixpath.relpath(file, root.resolve())), name) for file, name in named)
    return Pipeline(stages, frozen, tracked, files, [posixpath.normpath(posixpath.join(*pair)) for pair in folders])
