"""`charloom again`: run the code, params and text of a run in MLflow again, and compare the results with the run's."""

import argparse
import json
import sys
from pathlib import Path

from charloom.core.base.errors import CheckFailed, Damaged, WrongInput
from charloom.core.base.git import git
from charloom.core.base.terminal import visible
from charloom.core.base.words import in_line
from charloom.core.config.params import PARAMS, SILENT, Params, as_yaml, flat_of, with_silent
from charloom.core.config.pipeline import LOCK, Project, ensure_repository
from charloom.core.config.reading import read_mapping, validated
from charloom.core.config.records import DEFAULT_MEASURE
from charloom.proof.agreement import agreed
from charloom.proof.rebuild import bring_text, cloned, rebuild
from charloom.results.keys import experiment_key
from charloom.tracking.collect import this_run
from charloom.tracking.queries import PATCH, RUN, Origin, origin_of
from dvc_proof.data import contents
from dvc_proof.differences import SAME, OutputDifference, describe_difference, last_line
from dvc_proof.git import Refused
from dvc_proof.lock import Stages, stages_of
from dvc_proof.temporary import temporary_folder

METRICS_LABEL = "metrics in MLflow"
DIGITS = 12  # shown digits of a hash


def again(arguments: argparse.Namespace) -> None:
    """Run the stages of an MLflow run again in a temporary folder, and print a line for each compared file and value.

    The run's commit and changed files are printed first. The folder is removed, unless something differs. Raises
    WrongInput if the run, its commit, patch or text is missing, and Damaged if the patch does not apply. Raises
    CheckFailed if the results differ, or if the run's recorded params contradict its commit, patch or experiment key.
    """
    ensure_repository()
    if not (run := RUN.fullmatch(arguments.run)):
        allowed = "a run's id in MLflow (32 hexadecimal digits), or the address of its page"
        raise WrongInput(f"{in_line(arguments.run)} is not allowed; allowed is {allowed}")
    with temporary_folder("charloom-again-") as place:
        origin = origin_of(run[1], place)
        rows, same, agrees = _compare_run(origin, place)
        for row in rows:
            _say(row)
        if (last := last_line(rows)) != SAME and not agrees:
            folder = place.rename(place.with_suffix(""))  # it stays, because the user may want to look at the files
            _say(f"the rebuilt files are in {folder}/clone")
            raise CheckFailed(in_line(last))
    print(agrees or same)


def _say(line: object) -> None:
    print(in_line(str(line)), flush=True)  # names come from the store and from the run's author


def _compare_run(origin: Origin, place: Path) -> tuple[list[OutputDifference], str, str]:
    """Run the stages again, and compare them with the run. Return rows, and two candidates for the last printed line.

    The first line is for results without a difference. The second line says that the results agree although their
    bits differ: see agreement.agreed; it is "" if they do not.

    There is a row for each input and output in the run's dvc.lock, and for each output among the run's files. The last
    two rows are for the points of the metrics in MLflow and for the hash of weights and trace (metrics/results.json).
    A point is compared if both the run and the rebuilt training have it: an earlier version sent fewer points.
    If a stage fails, the only row is that of the stage. Raises Damaged if the run's dvc.lock is invalid.

    origin  MLflow's record of the run: commit, params, text and hashes
    place   a temporary folder, which already contains the run's metrics and artifacts
    """
    lock, recorded = place / LOCK, Stages()
    try:
        if lock.exists():
            recorded = stages_of({str(LOCK): lock.read_text(encoding="utf-8", errors="replace")})
    except Refused:
        raise Damaged(f"run {origin.name}: its {LOCK} in MLflow is not in DVC's format") from None
    project, params = _sources(origin, place)
    _say(f"run {origin.name}, sent by {origin.user}: commit {origin.commit}")
    changed = git("apply", "--numstat", PATCH, folder=place) if (place / PATCH).exists() else ""
    for line in changed.splitlines():
        _say(f"{PATCH} changes {line.split(chr(9))[-1]}")
    _say(f"executing this code in {project.root}")
    ran = rebuild(project, _say, NUMBA_CACHE_DIR=str(place / "compiled"))
    if ran.failed:
        sys.stderr.write(visible(ran.printed))
        return [OutputDifference(ran.failed, "it failed", "its output is above")], "", ""
    rows = dict[str, OutputDifference]()
    stages = [stage for stage in recorded.values() if stage.outs]
    hashes = {path: digest for stage in stages for path, digest in (stage.deps | stage.outs).items()}
    for stage, entry in ran.stages.items():
        for path, digest in (entry.deps | entry.outs).items():
            at = place / path if (place / path).exists() else place / Path(path).name  # a page's file is at the top
            stored = contents(at.parent, at.name) if path in entry.outs else {}
            what = f"the run's {LOCK} has another hash" if recorded and hashes.get(path) != digest else ""
            if stored:
                what = describe_difference(stored, contents(project.root, path), "in the run") or what
            if stored or recorded:
                rows.setdefault(path, OutputDifference(stage, path, what))
    run = this_run(project, params)
    curves = {name: {str(at): y for at, y in curve.items()} for name, curve in run.curves.items()}
    history = {name: points for name, points in origin.history.items() if name in curves}
    rebuilt = {name: {at: curves[name][at] for at in points if at in curves[name]} for name, points in history.items()}
    files = [{"metrics.json": json.dumps(side).encode()} for side in (history, rebuilt)]
    points = describe_difference(files[0], files[1], "in the run")
    both = f"the run has {origin.results[:DIGITS]}, this training {run.results[:DIGITS]}"
    last = (
        OutputDifference("train", METRICS_LABEL, points),
        OutputDifference("train", "results", both if run.results != origin.results else ""),
    )
    outs = {path for entry in ran.stages.values() for path in entry.outs}
    count = len(outs & rows.keys()) or 1  # the tag has the content of metrics/results.json
    compared = f"{count} of {len(outs)} outputs {'was' if count == 1 else 'were'} compared"
    costs = [side.get(DEFAULT_MEASURE, {}).get(str(params.train.updates)) for side in (history, rebuilt)]
    trained = all(row.stage != "prepare" for row in rows.values() if row.what)
    agrees = agreed(costs, [origin.network, run.network]) if trained else ""
    same = SAME if recorded else f"results same; {LOCK} is missing, so {compared}"
    return [*rows.values(), *last], same, agrees


def _sources(origin: Origin, place: Path) -> tuple[Project, Params]:
    """Clone the run's commit, apply its patch, and copy its text; return the project and its params.

    No code of the run is executed. `place` is the temporary folder; the clone is made inside.
    Raises WrongInput if the patch or the text is missing, and Damaged if the patch does not apply. Raises
    CheckFailed if the recorded params differ from those of the commit with the patch, or if the recorded experiment key
    is not the key of the recorded params and text.
    """
    short, patch = origin.commit[:DIGITS], place / PATCH
    if origin.uncommitted != "false" and not patch.exists():
        raise WrongInput(f"{PATCH}: the run had uncommitted changes, but its artifacts lack this file")
    project = cloned(place / "clone", origin.commit, patch)
    file = project.root / PARAMS
    params = validated(Params, with_silent(read_mapping(file, Params.model_fields)), file)
    present, silent = ({name: as_yaml(value) for name, value in values.items()} for values in (flat_of(params), SILENT))
    recorded = silent | origin.params
    for name in (name for name in recorded | present if recorded.get(name) != present.get(name)):
        both = f"{recorded.get(name, 'missing')} in the run, {present.get(name, 'missing')} in its commit and patch"
        raise CheckFailed(in_line(f"first difference: params: {name} is {both}"))
    if experiment_key(params, origin.text_sha256, origin.network) != origin.experiment:
        raise CheckFailed(
            "first difference: text: the run's experiment key does not fit its params and the text's hash in its tag"
        )
    if not bring_text(project, text := params.prepare.text, origin.text_sha256):
        where = f"commit {short}, DVC's cache or this folder; `dvc pull` brings it if a remote has it"
        raise WrongInput(f"{in_line(text)} with SHA-256 {origin.text_sha256}: not in {where}")
    return project, params
