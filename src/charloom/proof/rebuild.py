"""Rebuild results of this project with dvc_proof: a clone with the text, and a run of its stages.

`charloom study --prove` and `charloom again` use this module.
"""

import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from charloom.core.base.errors import CheckFailed, Damaged, Unavailable, WrongInput
from charloom.core.base.git import git
from charloom.core.base.storage import sha256
from charloom.core.base.terminal import warn_once
from charloom.core.base.words import in_line
from charloom.core.config.pipeline import CHARLOOM_FOLDER, PIPELINE, Project, is_inside
from dvc_proof import rebuild as dvc_proof
from dvc_proof.data import fetched
from dvc_proof.rebuild import AS_COMMITTED, Rebuilt, checked_out, outward_link, remove
from dvc_proof.stages import pipeline_in

PROGRESS = re.compile(r"[a-z ]+: [\d,]+ of [\d,]+  about ")  # a stage prints such a line every ten seconds


def cloned(folder: Path, commit: str, patch: Path | None = None) -> Project:
    """Clone the commit into the folder, apply the patch unless it is empty, and return the clone's project.

    If DVC tracks the text, the text is fetched from DVC's cache or a remote. If DVC fails, there is no text, and a
    warning has DVC's reason.

    Raises CheckFailed if a symbolic link leads out of the clone, Damaged if the patch does not apply, and Refused if
    Git fails.
    """
    place = git("rev-parse", "--show-prefix")
    project = Project(checked_out(folder, commit))
    if patch and patch.exists() and patch.stat().st_size:
        try:
            git(*AS_COMMITTED, "apply", "--whitespace=nowarn", f"--directory={place}", str(patch), folder=folder)
        except Unavailable as error:
            raise Damaged(f"{patch.name}: not a patch for commit {commit[:7]}: {error}") from None
    if link := outward_link(folder):
        raise CheckFailed(f"first difference: {link}: a link that leads out of the repository")
    with suppress(WrongInput):  # `find_conflicts` reports invalid params
        text = project.params().prepare.text
        if (project.root / f"{text}.dvc").exists() and (complaint := fetched(project.root, [text]).get(text)):
            warn_once(str(project.root), in_line(f"{text}: {complaint}"))
    return project


def bring_text(project: Project, text: str, digest: str) -> bool:
    """Copy the text from the working folder into the clone if it has this digest; return whether the clone has it.

    text    the text's path, relative to the working folder and to the project's folder in the clone
    digest  the text's SHA-256

    A text outside the clone is not written.
    """
    target, top = project.root / text, project.root / git("rev-parse", "--show-cdup", folder=project.root)
    if is_inside(target, top) and Path(text).is_file() and sha256(Path(text)) == digest:
        remove(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(text, target)
    return target.is_file() and sha256(target) == digest


def rebuild(project: Project, say: Callable[[object], object], *stages: str, **variables: str) -> Rebuilt:
    """Remove everything except sources from a clone, run stages in it, and return the end of the run.

    say        called with a line when a stage starts, and with the lines of its progress
    stages     names of stages, to run with all stages that they depend on; by default all stages that have outputs
    variables  environment variables for the stages

    Raises CheckFailed if a stage is frozen, and Refused if DVC cannot read the project.
    """
    pipeline = pipeline_in(project.root)
    if frozen := next((name for name, stage in pipeline.stages.items() if stage.frozen), ""):
        raise CheckFailed(f"{PIPELINE}: {frozen} is frozen, and DVC does not run it; remove `frozen: true`")
    names = stages or [name for name, stage in pipeline.stages.items() if stage.outs]
    without = [str(CHARLOOM_FOLDER)]
    return dvc_proof.rebuild(project.root, pipeline, names, say, progress_of(say), variables, without)


def progress_of(say: Callable[[object], object]) -> Callable[[object], object]:
    """Return a function that takes a line of a stage, and passes it to `say` if it reports the stage's progress."""
    return lambda line: PROGRESS.match(str(line)) and say(in_line(str(line)))
