"""A project's folder: the params and paths that dvc.yaml declares for a stage."""

import os
from pathlib import Path
from typing import Any, NamedTuple

from charloom.core.base.errors import WrongInput
from charloom.core.base.words import listed
from charloom.core.config.params import PARAMS, Params, affects, flat_of
from charloom.core.config.reading import read_mapping, read_params

PIPELINE, LOCK = Path("dvc.yaml"), Path("dvc.lock")
CHARLOOM_FOLDER = Path(".charloom")  # our files that are no results: locks, resume states, the outbox
OUTS = ("outs", "metrics", "plots")  # the keys of a stage in dvc.yaml under which its outputs are
TEXT_PLACEHOLDER = "${prepare.text}"  # the text's path in dvc.yaml


def root() -> Path:
    """Return the absolute path of the main repository.

    DVC runs temporary and queued experiments in folders of their own, where DVC_ROOT names the main repository.
    """
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


class Files(dict[str, Path]):
    """The paths that dvc.yaml declares for a stage. The key of a path is its last folder and its stem.

    For example, the key is `models/best` for models/best.npz, and also for results/models/best.npz.
    """

    def __init__(self, stage: str, paths: list[Path]) -> None:
        """Build the mapping from the paths of the stage's files and folders. Raises WrongInput if two have one key."""
        self.stage = stage
        super().__init__()
        for path in paths:
            if path != self.setdefault(key := f"{path.parent.name}/{path.stem}", path):
                both = f"both {self[key]} and {path}"
                raise WrongInput(f"{PIPELINE}: stage {stage} has {both}; allowed is one file named {key}")

    def __missing__(self, name: str) -> Path:
        """Raise WrongInput, because dvc.yaml does not declare a file with the key `name` for the stage."""
        raise WrongInput(f"{PIPELINE}: stage {self.stage} has no {name}; `git diff {PIPELINE}` shows what was edited")


class Project(NamedTuple):
    """A folder that holds dvc.yaml and params.yaml."""

    root: Path = Path()

    def params(self) -> Params:
        """Return the checked params. Raises WrongInput as `read_params` does."""
        return read_params(self.root / PARAMS)

    def stages(self) -> dict[str, dict[str, Any]]:
        """Return {stage: its entry in dvc.yaml}. Raises WrongInput if dvc.yaml is missing or invalid."""
        file = self.root / PIPELINE
        if not file.exists():
            raise WrongInput(f"{PIPELINE}: not in this folder; start charloom in the project's folder")
        entries = read_mapping(file, ("stages", "plots")).get("stages")
        if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
            edited = f"`git diff {PIPELINE}` shows what was edited"
            raise WrongInput(f"{PIPELINE}: it has no stages, or a stage is no mapping; {edited}")
        return entries

    def declared(self, stage: str) -> dict[str, Any]:
        """Return the stage's entry in dvc.yaml. Raises WrongInput if dvc.yaml or the stage is missing or invalid."""
        try:
            return self.stages()[stage]
        except KeyError:
            raise WrongInput(f"{PIPELINE}: stage {stage} is missing; start charloom in the project's folder") from None

    def files(self, stage: str) -> Files:
        """Return the paths that dvc.yaml declares for the stage. Raises WrongInput as `declared` does.

        Stages get their paths only from this function, so DVC knows every file that a stage reads or writes.
        """
        entry = self.declared(stage)
        names = [name for kind in ("deps", *OUTS) for name in names_of(entry.get(kind, []))]
        return Files(stage, [self.root / name for name in names])


HERE = Project()  # the working folder


def files(stage: str) -> Files:
    """Return the paths that dvc.yaml of the working folder declares for a stage: see Project.files."""
    return HERE.files(stage)


def names_of(entries: list[Any], text: str = TEXT_PLACEHOLDER) -> list[str]:
    """Return the paths in `entries`, a list under `deps` or `outs` in dvc.yaml. `${prepare.text}` becomes `text`."""
    names = [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]
    return [text if name == TEXT_PLACEHOLDER else name for name in names]


def params_of(declared: dict[str, Any], params: Params) -> dict[str, Any]:
    """Return {dotted name: value} for the params on which a stage depends.

    declared  the stage's entry in dvc.yaml; under `params`, `train` declares a section, `train.updates` one param, and
              `params.yaml:` all params; params of other files are left out
    """
    names, values = list[str](), flat_of(params)
    for entry in declared.get("params", []):
        names += [entry] if isinstance(entry, str) else (entry[str(PARAMS)] or values) if str(PARAMS) in entry else []
    return {key: values[key] for name in names for key in values if key == name or key.startswith(f"{name}.")}


def is_inside(path: Path, folder: Path = Path()) -> bool:
    """Return whether the path is inside the folder, or is the folder. Symbolic links are not followed."""
    return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(folder))  # noqa: PTH100  resolve() follows links


def changed_inputs(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Describe the differences between two inputs of a stage (see Inputs.values). Return "" if there are none.

    The text has both values of a param, such as `eta was 0.1, is 0.2`, and the names of files that differ.
    """
    names = [name for name in after | before if before.get(name) != after.get(name)]
    files = [name for name in names if name not in affects(Params)]
    values = [f"{name} was {before.get(name)}, is {after.get(name)}" for name in names if name not in files]
    return "; ".join([*values, *([f"changed files: {listed(files)}"] if files else [])])


def ensure_repository() -> None:
    """Raise WrongInput if the working folder is in no Git repository. DVC would fail with a less clear message."""
    folder = Path.cwd()
    if not any((place / ".git").exists() for place in (folder, *folder.parents)):
        cure = "`git clone` the project or run `git init`"
        raise WrongInput(f"{folder}: not a Git repository, but DVC needs one: {cure}")
