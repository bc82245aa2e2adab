"""`charloom again`: run the code, params and text of a run in MLflow again, and compare the results with the run's."""

import argparse
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp

from charloom.base.errors import CheckFailed, Damaged, WrongInput
from charloom.base.storage import read_json
from charloom.base.terminal import in_line, visible
from charloom.proof.differences import SAME, Row, last_line
from charloom.proof.rebuild import Failed, bring_text, cloned, rebuilt_lock
from charloom.results.git import ensure_repository, git
from charloom.results.identity import experiment_key, with_silent
from charloom.results.records import ResultsRecord
from charloom.settings.dvc_lock import LOCK, stages_in
from charloom.settings.params import PARAMS, SILENT, Params, as_yaml, checked, flat_of, read_mapping
from charloom.settings.pipeline import Project, difference
from charloom.tracking.asking import PATCH, Origin, asked

RUN = re.compile(r"(?:.*/runs/)?([0-9a-f]{32})(?:[/?#].*)?", re.DOTALL)
ASKING_MAY_TAKE = 30  # seconds
DIGITS = 12  # shown digits of a hash


def again(arguments: argparse.Namespace) -> None:
    """Run the stages of an MLflow run again in a temporary folder; print what is executed, then the comparison.

    The folder is removed, unless something differs. Raises WrongInput if the run, its commit, patch or text is
    missing, Damaged if the patch does not apply, and CheckFailed if the run contradicts itself or the results differ.
    """
    ensure_repository()
    if not (run := RUN.fullmatch(arguments.run)):
        allowed = "a run's id in MLflow (32 hexadecimal digits), or the address of its page"
        raise WrongInput(f"{in_line(arguments.run)} is not allowed; allowed is {allowed}")
    place = Path(mkdtemp(prefix="charloom-again-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, place, ignore_errors=True)
        origin = Origin.model_validate_json(asked("describe", run[1], str(place), seconds=ASKING_MAY_TAKE))
        rows = []
        for row in _rows(origin, place):
            _say(row)
            rows.append(row)
        if (last := last_line(rows)) != SAME:
            stack.pop_all()  # the user may want to look at the files
            _say(f"the rebuilt files are in {place}/clone")
            raise CheckFailed(in_line(last))
    print(SAME)


def _say(line: object) -> None:
    print(in_line(str(line)), flush=True)  # names come from the store and from the run's author


def _rows(origin: Origin, place: Path) -> Iterator[Row]:
    """Run the stages again; yield the rows of the comparison with the run.

    There is a Row for each input and output, unless the run has no dvc.lock, and one for the hash of weights and trace
    (metrics/results.json). If a stage fails, its Row is the only one. Raises Damaged if the run's dvc.lock is invalid.

    origin  what MLflow has recorded about the run
    place   a temporary folder, which already contains the run's patch and dvc.lock, if it has them
    """
    try:
        recorded = stages_in((place / LOCK).read_bytes()) if (place / LOCK).exists() else {}
    except Damaged:
        raise Damaged(f"run {origin.name}: its {LOCK} in MLflow is not in DVC's format") from None
    project = _sources(origin, place)
    _say(f"run {origin.name}, sent by {origin.user}: commit {origin.commit}")
    changed = git("apply", "--numstat", PATCH, folder=place) if (place / PATCH).exists() else ""
    for line in changed.splitlines():
        _say(f"{PATCH} changes {line.split(chr(9))[-1]}")
    _say(f"executing this code in {project.root}")
    try:
        lock = rebuilt_lock(project, _say, NUMBA_CACHE_DIR=str(place / "compiled"))
    except Failed as failed:
        sys.stderr.write(visible(failed.printed))
        yield Row(failed.stage, "it failed", "its output is above")
        return
    rows = dict[str, Row]()
    hashes = {path: digest for own in recorded.values() if own.outs for path, digest in (own.deps | own.outs).items()}
    for stage, entry in lock.items() if hashes else ():
        for path, digest in (entry.deps | entry.outs).items():
            same = hashes.get(path) == digest
            rows.setdefault(path, Row(stage, path, "" if same else f"the run's {LOCK} has another hash"))
    yield from rows.values()
    results = read_json(project.files("track")["metrics/results"], ResultsRecord).results
    both = f"the run has {origin.results[:DIGITS]}, this training {results[:DIGITS]}"
    yield Row("train", "results", "" if results == origin.results else both)


def _sources(origin: Origin, place: Path) -> Project:
    """Clone the run's commit, apply its patch, and copy its text; return the project.

    No code of the run is executed. `place` is the temporary folder; the clone is made inside.
    Raises WrongInput if the commit, the patch or the text is missing, and Damaged if the patch does not apply. Raises
    CheckFailed if the recorded params differ from those of commit and patch, or the experiment's key from that of the
    recorded params and text.
    """
    short, patch = origin.commit[:DIGITS], place / PATCH
    if not git("rev-parse", "--verify", "--quiet", f"{origin.commit}^{{commit}}", empty=1):
        raise WrongInput(f"commit {short} is not in this repository: `git fetch` brings it from the clone that has it")
    if origin.uncommitted == "true" and not patch.exists():
        raise WrongInput(f"{PATCH}: the run had uncommitted changes, but its artifacts lack this file")
    project = cloned(place / "clone", origin.commit, patch)
    file = project.root / PARAMS
    params = checked(Params, with_silent(read_mapping(file, Params.model_fields)), file)
    here, silent = ({name: as_yaml(value) for name, value in values.items()} for values in (flat_of(params), SILENT))
    if contradiction := difference(silent | origin.params, here):
        raise CheckFailed(in_line(f"first difference: params: in the run {contradiction} in its commit and patch"))
    if experiment_key(params, origin.text_sha256) != origin.experiment:
        raise CheckFailed("first difference: text: the run's tags for text and experiment contradict each other")
    if not bring_text(project, text := params.prepare.text, origin.text_sha256):
        where = f"commit {short}, DVC's cache or this folder; `dvc pull` brings it if a remote has it"
        raise WrongInput(f"{in_line(text)} with SHA-256 {origin.text_sha256}: not in {where}")
    return project
