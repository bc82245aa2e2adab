"""A project's folder: which files dvc.yaml lets a stage read and write, and what a stage depends on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from charloom.base.errors import CharloomError, CheckFailed, WrongInput
from charloom.base.opened import edited_since_opened, watch
from charloom.base.pieces import fingerprint
from charloom.base.yaml_text import NO_YAML, parsed
from charloom.settings.params import PARAMS, Params, flat_of, read_params

PIPELINE = Path("dvc.yaml")
OWN = Path(".charloom")  # what is ours and no result: locks, resume states, the spool
TEXT = "${prepare.text}"  # as dvc.yaml names it


def root() -> Path:
    """Return the main repository, also from a temporary or queued experiment's folder."""
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


class Files(dict[str, Path]):
    """Every file that dvc.yaml lets a stage read or write, by folder and name without ending."""

    def __init__(self, stage: str, paths: list[Path]) -> None:
        """Name the paths."""
        self.stage = stage
        super().__init__({f"{path.parent.name}/{path.stem}": path for path in paths})

    def __missing__(self, name: str) -> Path:
        """Raise WrongInput: the stage is about to use a file that DVC does not know."""
        raise WrongInput(f"{PIPELINE}: stage {self.stage} lacks {name}; `git diff {PIPELINE}` shows what was edited")


class Project(NamedTuple):
    """A folder that holds dvc.yaml and params.yaml."""

    root: Path = Path()

    @contextmanager
    def naming_files(self) -> Iterator[None]:
        """Name files in errors as they are named in this folder."""
        try:
            yield
        except CharloomError as error:
            if not self.root.is_absolute():
                raise
            raise type(error)(str(error).replace(f"{self.root}/", "")) from None

    def params(self) -> Params:
        """Return the checked params. Raises WrongInput as `read_params` does."""
        with self.naming_files():
            return read_params(self.root / PARAMS)

    def stages(self) -> dict[str, dict[str, Any]]:
        """Return what dvc.yaml says of each stage. Raises WrongInput if dvc.yaml is missing or not as DVC reads it."""
        try:
            found: dict[str, dict[str, Any]] = parsed((self.root / PIPELINE).read_text(encoding="utf-8"))["stages"]
            _ = [says.keys() for says in found.values()]
        except FileNotFoundError:
            raise WrongInput(f"{PIPELINE}: there is none in this folder; start it from the project's") from None
        except (OSError, TypeError, AttributeError, *NO_YAML) as error:
            raise WrongInput(f"{PIPELINE}: not as DVC reads it: {' '.join(str(error).split())}") from None
        return found

    def declared(self, stage: str) -> dict[str, Any]:
        """Return what dvc.yaml says of the stage. Raises WrongInput if it has no such stage."""
        try:
            return self.stages()[stage]
        except KeyError:
            raise WrongInput(f"{PIPELINE}: no stage {stage} in this folder; start it from the project's") from None

    def files(self, stage: str) -> Files:
        """Return the stage's files: `models/best` is `models/best.npz`. Raises WrongInput as `declared` does.

        A stage gets its paths here alone, so DVC knows every file that it touches.
        """
        says = self.declared(stage)
        names = [name for kind in ("deps", "outs", "metrics", "plots") for name in names_of(says.get(kind, []))]
        return Files(stage, [self.root / name for name in names])


HERE = Project()  # the working folder


def files(stage: str) -> Files:
    """Return the files of a stage of the working folder."""
    return HERE.files(stage)


def names_of(entries: list[Any], text: str = TEXT) -> list[str]:
    """Return the paths of dvc.yaml's entries, of deps or of outs, with the path of the text."""
    names = [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]
    return [text if name == TEXT else name for name in names]


def params_of(says: dict[str, Any], params: Params) -> dict[str, Any]:
    """Return, by dotted names, the params on which the stage depends of which dvc.yaml `says` this.

    `train` is a section, `train.updates` one of its params; `params.yaml:` is all of it. Params of other files are
    left out.
    """
    names, values = list[str](), flat_of(params)
    for entry in says.get("params", []):
        names += [entry] if isinstance(entry, str) else (entry[str(PARAMS)] or values) if str(PARAMS) in entry else []
    return {each: values[each] for name in names for each in values if each == name or each.startswith(f"{name}.")}


def files_in(path: Path) -> list[Path]:
    """Return the file, or each file in the folder, however deep, without those that .dvcignore names."""
    with suppress(OSError, ValueError):  # no file can have such a name: the stage says so
        found = [each for each in (sorted(path.rglob("*")) if path.is_dir() else [path]) if each.is_file()]
        return [file for file in found if "__pycache__" not in file.parts and not file.match(".*.new")]
    return []


class Inputs:
    """What a stage of the working folder depends on, as it was when this was made.

    values  params by dotted names, `fingerprint` of files by path; of a folder, of each file in it, however deep
    """

    def __init__(self, stage: str) -> None:
        """Hash it. Raises WrongInput as `declared` does."""
        watch([PARAMS])  # before it is read: an edit in between is noticed
        self.stage, self.params = stage, read_params()
        watch(self._files())
        self.values = self._now()

    def ensure_unchanged(self) -> None:
        """Raise CheckFailed if an input is not what it was, or if other content of it was imported or read meanwhile.

        DVC hashes what is there when a stage has ended. Without this check it would record an edit as what was used.
        """
        try:
            self.params = read_params()
            what = difference(self.values, self._now())
        except WrongInput as error:
            what = str(error)
        if not what and (names := edited_since_opened()):
            what = f"edited after it was read: {', '.join(names)}"
        if what:
            raise CheckFailed(f"{self.stage}: edited while it ran: {what}: its results are not taken; start it again")

    def _files(self) -> list[Path]:
        says = HERE.declared(self.stage)
        return [file for name in names_of(says["deps"], self.params.prepare.text) for file in files_in(Path(name))]

    def _now(self) -> dict[str, Any]:
        files = {str(path): fingerprint(path) for path in self._files()}
        return params_of(HERE.declared(self.stage), self.params) | files


def difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Return in what two values of `Inputs` differ: params with both values, files by name."""
    differ = [name for name in now | before if before.get(name) != now.get(name)]
    files = [name for name in differ if "/" in name]
    values = [f"{name} was {before.get(name)}, is {now.get(name)}" for name in differ if name not in files]
    return "; ".join([*values, *([f"changed since: {', '.join(files)}"] if files else [])])
