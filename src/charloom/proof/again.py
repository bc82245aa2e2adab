"""`charloom again`: run the code, params and text of a run in MLflow again, and compare the results with the run's."""

import argparse
import sys
from pathlib import Path

from charloom.core.base.errors import CheckFailed, Damaged, WrongInput
from charloom.core.base.git import git
from charloom.core.base.storage import read_json
from charloom.core.base.terminal import visible
from charloom.core.base.words import in_line
from charloom.core.config.params import PARAMS
from charloom.core.config.pipeline import LOCK, Project, ensure_repository
from charloom.core.config.records import TextMetrics
from charloom.proof.rebuild import bring_text, cloned, rebuild
from charloom.tracking.address import RUN
from charloom.tracking.outbox import PATCH
from charloom.tracking.queries import Origin, origin_of
from dvc_proof.data import contents
from dvc_proof.differences import SAME, OutputDifference, describe_difference, last_line
from dvc_proof.git import Refused
from dvc_proof.lock import stages_of
from dvc_proof.temporary import temporary_folder

REMEDY = "the run's artifacts in MLflow were changed"


def again(arguments: argparse.Namespace) -> None:
    """Run the stages of an MLflow run again in a temporary folder, and print a line for each compared file.

    The run's commit and changed files are printed first. The folder is removed, unless something differs. Raises
    WrongInput if the run, its commit, patch or text is missing, and Damaged if an artifact is damaged or the patch does
    not apply. Raises CheckFailed if the results differ, or if the run's params are not those of its commit and patch.
    """
    ensure_repository()
    if not (run := RUN.fullmatch(arguments.run)):
        allowed = "a run's id in MLflow (32 hexadecimal digits), or the address of its page"
        raise WrongInput(f"{in_line(arguments.run)} is not allowed; allowed is {allowed}")
    with temporary_folder("charloom-again-") as place:
        origin = origin_of(run[1], place)
        project = _sources(origin, place)
        rows = _compare(project, place)
        for row in rows:
            _say(row)
        if (last := last_line(rows)) != SAME:
            folder = place.rename(place.with_suffix(""))  # it stays, because the user may want to look at the files
            _say(f"the rebuilt files are in {folder}/clone")
            raise CheckFailed(in_line(last))
    print(SAME)


def _say(line: object) -> None:
    print(in_line(str(line)), flush=True)  # names come from the store and from the run's author


def _sources(origin: Origin, place: Path) -> Project:
    """Clone the run's commit, apply its patch, copy its text, and return the project. No code of the run is executed.

    place  a temporary folder with the run's artifacts; the clone is made inside
    """
    _say(f"run {origin.name}, sent by {origin.user}: commit {origin.commit}")
    patch = place / PATCH
    project = cloned(place / "clone", origin.commit, patch)
    for line in git("apply", "--numstat", PATCH, folder=place).splitlines() if patch.exists() else ():
        _say(f"{PATCH} changes {line.split(chr(9))[-1]}")
    if (place / PARAMS).read_bytes() != (project.root / PARAMS).read_bytes():
        raise CheckFailed(f"first difference: {PARAMS}: the run's file is not that of its commit and patch")
    digest = read_json(place / "metrics/prepare.json", TextMetrics, REMEDY).sha256
    if not bring_text(project, text := project.params().prepare.text, digest):
        where = f"commit {origin.commit[:12]}, DVC's cache or this folder; `dvc pull` brings it if a remote has it"
        raise WrongInput(f"{in_line(text)} with SHA-256 {digest}: not in {where}")
    return project


def _compare(project: Project, place: Path) -> list[OutputDifference]:
    """Run the stages again; return a row for each of their inputs and outputs, or only the row of a stage that failed.

    The hash of each file is compared with that in the run's dvc.lock, and its content with that of the artifact.
    """
    try:
        recorded = stages_of({str(LOCK): (place / LOCK).read_text(encoding="utf-8", errors="replace")})
    except Refused:
        raise Damaged(f"{LOCK} is not in DVC's format: {REMEDY}") from None
    _say(f"executing this code in {project.root}")
    ran = rebuild(project, _say, NUMBA_CACHE_DIR=str(place / "compiled"))
    if ran.failed:
        sys.stderr.write(visible(ran.printed))
        return [OutputDifference(ran.failed, "it failed", "its output is above")]
    rows = dict[str, OutputDifference]()
    stages = [stage for stage in recorded.values() if stage.outs]  # DVC records `track`, which has none, after it ended
    hashes = {path: digest for stage in stages for path, digest in (stage.deps | stage.outs).items()}
    for stage, entry in ran.stages.items():
        for path, digest in (entry.deps | entry.outs).items():
            at = place / path if (place / path).exists() else place / Path(path).name  # a page's file is at the top
            stored = contents(at.parent, at.name) if path in entry.outs else {}
            what = "" if hashes.get(path) == digest else f"the run's {LOCK} has another hash"
            if stored:
                what = describe_difference(stored, contents(project.root, path), "in the run") or what
            rows.setdefault(path, OutputDifference(stage, path, what))
    return list(rows.values())
