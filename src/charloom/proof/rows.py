"""Rows of a study, drawn at random and made again by the pipeline: `dvc exp run`, in a folder of its own."""

import random
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from charloom.base.errors import CheckFailed, WrongInput
from charloom.base.storage import read_json, read_table, sha256
from charloom.base.yaml_text import parsed
from charloom.model.recorded import hashed
from charloom.proof.dvc_command import cache, dvc
from charloom.results.curves import POINTS, thinned
from charloom.results.git import git
from charloom.results.records import MEASURE_OF_PART, TrainMetrics
from charloom.settings.params import Params, flat, read_params
from charloom.settings.pipeline import files
from charloom.study.study_file import Study
from charloom.study.study_table import read_outcomes, trials_of
from charloom.study.trial import DIVERGED, TRAINED, Outcome

DIVERGING = re.compile(r"^training (diverged at update \d+): ", re.MULTILINE)


def prove(study: Study, count: int) -> None:
    """Print a line for each row drawn, and last `same`. Raises CheckFailed at the first that the pipeline contradicts.

    Raises WrongInput where the table has no row of this study, at these params and on this text.
    """
    table, known = study.folder / "trials.csv", read_outcomes(study.folder)
    trials = trials_of(study, sha256(Path(read_params().prepare.text)))
    rows = [trial for each in trials.values() for trial in each if trial.key in known]
    if not rows:
        raise WrongInput(f"{table}: no row of these params, on this text; `charloom study {study.path}` trains them")
    for trial in random.sample(rows, min(count, len(rows))):
        what = f"{trial.setting}, seed {trial.seed}"
        print(f"made again by the pipeline: {what}", flush=True)
        row, again = known[trial.key], _made_again(trial.params)
        if differs := _difference(row, again):
            raise CheckFailed(f"first difference: {table}: {what}: {differs}")
        print(f"same  {what}: {row.results or row.outcome}", flush=True)
    print("same")


def _difference(row: Outcome, again: Outcome) -> str:
    """Return what the row says and the pipeline does not, or an empty text."""
    if row.results != again.results or row.outcome.startswith(DIVERGED):
        said, found = row.results or row.outcome, again.results or again.outcome
        return "" if said == found else f"the table says {said}, the pipeline {found}"
    if not (row.metrics and again.metrics):
        return ""
    values = dict(row.metrics), dict(again.metrics)
    for name in values[0]:
        if values[0][name] != values[1][name]:
            return f"{name}: the table says {values[0][name]}, the pipeline {values[1][name]}; their results are equal"
    differ = [name for name in POINTS if row.curves[name] != again.curves[name]]
    return f"curves.csv: {differ[0]} is not the pipeline's; their results are equal" if differ else ""


def _made_again(params: Params) -> Outcome:
    """Return what the pipeline makes of the params."""
    with _experiment(params) as (revision, printed), tempfile.TemporaryDirectory() as folder:
        if not revision:
            if found := DIVERGING.search(printed):
                return Outcome(found[1], None, {}, "", 0.0)
            raise CheckFailed(f"`dvc exp run` fails: {(printed.strip().splitlines() or ['without a word'])[-1]}")
        path = files("track") | files("train")
        lock = parsed(git("show", f"{revision}:dvc.lock"))
        cached = {out["path"]: out["md5"] for out in lock["stages"]["train"]["outs"]}
        kept = cache()
        for name, file in path.items():
            path[name] = Path(folder) / file
            path[name].parent.mkdir(parents=True, exist_ok=True)
            if name in {"models/last", "models/best"}:
                md5 = cached[str(file)]
                path[name].symlink_to(kept / md5[:2] / md5[2:])
            elif file.parts[0] in {"metrics", "plots"}:
                path[name].write_text(git("show", f"{revision}:{file}") + "\n", encoding="utf-8")
        curves = read_table(path["plots/smooth_loss"], "smooth_loss") | read_table(
            path["plots/held_out"], MEASURE_OF_PART, may_be_empty=True
        )
        thin = {name: thinned(curve, POINTS[name]) for name, curve in curves.items()}
        return Outcome(TRAINED, read_json(path["metrics/train"], TrainMetrics), thin, hashed(path), 0.0)


@contextmanager
def _experiment(params: Params) -> Iterator[tuple[str, str]]:
    """Run an experiment of DVC's with these params, give its commit and what it prints, and remove it.

    The commit is an empty text where the run fails.
    """
    name = f"charloom-row-{uuid4().hex[:12]}"
    here, wanted = dict(flat(read_params().model_dump())), dict(flat(params.model_dump()))
    settings = [f"--set-param={each}={value}" for each, value in wanted.items() if value != here[each]]
    text = params.prepare.text
    own = Path(text).exists() and not git("ls-files", "--", text)  # DVC leaves behind what Git does not know
    carried = [f"--copy-paths={text}"] if own else []
    code, printed = dvc("exp", "run", "--temp", "--force", "--name", name, *settings, *carried)
    try:
        yield ("" if code else git("for-each-ref", "--format=%(objectname)", f"refs/exps/*/*/{name}")), printed
    finally:
        if not code:
            dvc("exp", "remove", name)
