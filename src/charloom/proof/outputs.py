"""The outputs of the stages: their paths, hashes and contents, the committed ones compared with the rebuilt ones."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from charloom.core.base.errors import WrongInput
from charloom.core.base.git import git
from charloom.core.base.sources import files_in
from charloom.core.settings.pipeline import LOCK, OUTS, PIPELINE, Project, is_inside
from charloom.results.dvc_lock import md5
from dvc_proof.differences import Row, difference
from dvc_proof.lock import Stages, within


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
    digest     DVC's hash of the committed files; None if Git contains none
    committed  content of the committed files by name; empty if Git contains none
    rebuilt    content of the rebuilt files by name; empty for an output outside Git
    """

    output: Output
    locked: str | None
    relocked: str | None
    digest: str | None
    committed: dict[str, bytes]
    rebuilt: dict[str, bytes]

    @property
    def same(self) -> bool:
        """Return whether both dvc.lock files have the same hash; for an output in Git, also the committed content."""
        return self.locked == self.relocked is not None and (not self.output.in_git or self.digest == self.relocked)

    @property
    def row(self) -> Row:
        """Return the row of the comparison, with the first difference of the files if they are in Git."""
        what = f"{LOCK} has another hash"
        if self.output.in_git and self.digest is None:
            what = "it is not committed"
        elif self.output.in_git and self.digest != self.relocked:
            overwritten = f"a later stage overwrites what {self.output.stage} makes"
            what = difference(self.committed, self.rebuilt) or overwritten
        return Row(self.output.stage, self.output.path, "" if self.same else what)


def outputs(project: Project) -> Iterator[Output]:
    """Yield the outputs of all stages in the order of dvc.yaml.

    Raises WrongInput if dvc.yaml is missing or invalid, or if an output's path is not normalized or leads out of the
    project's folder.
    """
    try:
        for stage, declared in project.stages().items():
            for entry in (entry for kind in OUTS for entry in declared.get(kind, [])):
                (path, options), *more = ({entry: {}} if isinstance(entry, str) else entry).items()
                if more:
                    raise WrongInput(f"{PIPELINE}: {stage}: an output has {path} and {more[0][0]}; allowed is one path")
                if path != os.path.normpath(path) or not is_inside(project.root / path, project.root):
                    allowed = "allowed is a path in this folder, such as metrics/x.json"
                    raise WrongInput(f"{PIPELINE}: {stage}: output {path} is not allowed; {allowed}")
                yield Output(stage, path, options.get("cache") is False)
    except (TypeError, ValueError, AttributeError):
        raise WrongInput(f"{PIPELINE}: the outputs of a stage are no list of paths") from None


def compared(committed: Project, before: Stages, rebuilt: Project, after: Stages) -> Iterator[Result]:
    """Yield the comparison of each output.

    committed, before  a clone of the commit, and the stages of its dvc.lock
    rebuilt, after     the clone in which the stages have run, and the stages of its dvc.lock

    An output with files that Git tracks counts as `in_git`, even if dvc.yaml does not declare that.
    """
    tracked = git("ls-files", "-z", folder=committed.root).split("\0")
    old, new = ({out: at for stage in lock.values() for out, at in stage.outs.items()} for lock in (before, after))
    for output in outputs(committed):
        path, in_git = output.path, output.in_git or any(within(name, output.path) for name in tracked)
        one, other = committed.root / path, rebuilt.root / path
        files = (md5(one), contents(one), contents(other)) if in_git else (None, {}, {})
        yield Result(output._replace(in_git=in_git), old.get(path), new.get(path), *files)


def contents(path: Path) -> dict[str, bytes]:
    """Return the content of a file, or of all files in a folder, by name.

    A name is relative to the folder, or to the file's own folder. The result is {} if nothing exists. Files that
    .dvcignore excludes are left out.
    """
    above = path if path.is_dir() else path.parent
    return {file.relative_to(above).as_posix(): file.read_bytes() for file in files_in(path)}
