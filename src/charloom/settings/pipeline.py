"""The files of a stage, as dvc.yaml names them, and the folders around them."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from charloom import WRITTEN
from charloom.base.errors import CheckFailed, WrongInput
from charloom.base.pieces import fingerprint
from charloom.base.yaml_text import NO_YAML, parsed
from charloom.settings.params import PARAMS, Params, flat, read_params

PIPELINE = Path("dvc.yaml")
OWN = Path(".charloom")  # what is ours and no result: locks, resume states, training logs, MLflow's outbox


def root() -> Path:
    """Return the main repository, also from a temporary or queued experiment's folder."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def declared(stage: str) -> dict[str, Any]:
    """Return what dvc.yaml says of the stage.

    Raises WrongInput where the working folder holds no dvc.yaml with this stage.
    """
    try:
        entry: dict[str, Any] = parsed(PIPELINE.read_text(encoding="utf-8"))["stages"][stage]
    except (OSError, KeyError, TypeError):
        raise WrongInput(f"{PIPELINE}: no stage {stage} in this folder; start it from the project's") from None
    except NO_YAML as error:
        raise WrongInput(f"{PIPELINE}: not YAML: {' '.join(str(error).split())}") from None
    return entry


class Files(dict[str, Path]):
    """Every file that dvc.yaml lets a stage read or write, by folder and name without ending."""

    def __init__(self, stage: str) -> None:
        """Read them. Raises WrongInput where the working folder holds no dvc.yaml with this stage."""
        self.stage, says = stage, declared(stage)
        entries = [entry for kind in ("deps", "outs", "metrics", "plots") for entry in says.get(kind, [])]
        paths = [Path(entry if isinstance(entry, str) else next(iter(entry))) for entry in entries]
        super().__init__({f"{path.parent.name}/{path.stem}": path for path in paths})

    def __missing__(self, name: str) -> Path:
        """Raise WrongInput: the stage is about to use a file that DVC does not know."""
        raise WrongInput(f"{PIPELINE}: stage {self.stage} lacks {name}; `git diff {PIPELINE}` shows what was edited")


def files(stage: str) -> Files:
    """Return the stage's files: `models/best` is `models/best.npz`. Raises WrongInput as `Files` does.

    A stage gets its paths here alone, so DVC knows every file that it touches.
    """
    return Files(stage)


def dependencies(stage: str, params: Params) -> dict[str, Any]:
    """Return all that dvc.yaml lets the stage depend on: values of params by name, `fingerprint` of files by path.

    Of a folder it is each file in it, however deep, as for DVC. Raises WrongInput as `files` does.
    """
    says = declared(stage)
    return params_of(says, params.model_dump()) | {str(path): fingerprint(path) for path in _found(says, params)}


def params_of(says: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """Return, by dotted names, the params that the stage of which dvc.yaml `says` this depends on.

    `train` is a section, `train.updates` one of its params; `params.yaml:` is all of it. Of other files nothing is
    known here.
    """
    names, values = list[str](), dict(flat(params))
    for entry in says.get("params", []):
        names += [entry] if isinstance(entry, str) else (entry[str(PARAMS)] or values) if str(PARAMS) in entry else []
    return {each: values[each] for name in names for each in values if each == name or each.startswith(f"{name}.")}


def paths_of(entries: list[Any], params: Params) -> list[str]:
    """Return the paths of dvc.yaml's entries, of deps or of outs."""
    names = [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]
    return [params.prepare.text if name == "${prepare.text}" else name for name in names]


def _found(says: dict[str, Any], params: Params) -> list[Path]:
    """Return every file that the stage of which dvc.yaml `says` this depends on."""
    return [file for path in paths_of(says["deps"], params) for file in files_in(Path(path))]


def files_in(path: Path) -> list[Path]:
    """Return the file, or each file in the folder, however deep, without those that .dvcignore names."""
    with suppress(OSError, ValueError):  # no file can have such a name: the stage says so
        found = [each for each in (sorted(path.rglob("*")) if path.is_dir() else [path]) if each.is_file()]
        return [file for file in found if "__pycache__" not in file.parts and not file.match(".*.new")]
    return []


def written(stage: str, imported: Mapping[Path, int] = WRITTEN) -> dict[str, int]:
    """Return when each file that the stage depends on was last written, in nanoseconds, params.yaml included.

    Of a source that this process may have imported it is the time before its imports. An edit that was undone, or that
    came between an import and the first look at the contents, leaves the contents equal, but not these times: they are
    the system's own, which nobody can set back.
    """
    found = [PARAMS, *_found(declared(stage), read_params())]
    return {str(path): imported.get(path.resolve(), path.stat().st_ctime_ns) for path in found}


def ensure_unchanged(stage: str, before: dict[str, Any], since: dict[str, int]) -> None:
    """Raise CheckFailed where what the stage depends on is not what it was `before`, or was written to `since`.

    DVC notes what lies there as a stage ends. Without this an edit meanwhile would be recorded as what was used.
    """
    try:
        now = written(stage, imported={})  # the contents are looked at only to say what differs: that takes longer
        if now == since:
            return
        what = difference(before, dependencies(stage, read_params()))
    except WrongInput as error:
        what = str(error)
    if not what:
        names = [name for name in now if now[name] != since.get(name) and Path(name).stat().st_nlink == 1]
        if not names:  # DVC has linked a file of its cache once more, in another experiment's folder: no edit
            return
        what = f"written to, or edited and put back: {', '.join(names)}"
    raise CheckFailed(f"{stage}: edited while it ran: {what}: its results are not taken; start it again")


def difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Return what differs between two results of `dependencies`: params with both values, files by name."""
    differ = [name for name in now | before if before.get(name) != now.get(name)]
    files = [name for name in differ if "/" in name]
    values = [f"{name} was {before.get(name)}, is {now.get(name)}" for name in differ if name not in files]
    return "; ".join([*values, *([f"changed since: {', '.join(files)}"] if files else [])])
