"""Rows of a study, drawn at random and made again by the pipeline: `dvc exp run`, in a folder of its own."""

import random
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from charloom.base.errors import CheckFailed, WrongInput
from charloom.model.recorded import hashed
from charloom.proof.dvc_command import cache, dvc
from charloom.results.git import git
from charloom.results.run import DIVERGED, POINTS, Run, from_folder, thinned
from charloom.settings.dvc_lock import stages_in
from charloom.settings.params import Params, as_yaml, flat_of, read_params
from charloom.settings.pipeline import files
from charloom.study.asking import ensure_text, write_asked
from charloom.study.study_file import Study
from charloom.study.trial import trials_there

DIVERGING = re.compile(r"^training (diverged at update \d+): ", re.MULTILINE)


def prove(study: Study, count: int) -> None:
    """Print a line for each row drawn, and last `same`. Raises CheckFailed at the first that the pipeline contradicts.

    Raises WrongInput where the table has no row, or the study's text is not here.
    """
    table = study.folder / "trials.csv"
    rows = [trial for each in trials_there(study, study.runs).values() for trial in each]
    if not rows:
        raise WrongInput(f"{table}: no row of this study; `charloom study {study.path}` trains them")
    ensure_text(study)
    for trial in random.sample(rows, min(count, len(rows))):
        what = f"{trial.setting}, seed {trial.seed}"
        print(f"made again by the pipeline: {what}", flush=True)
        row, again = study.runs[trial.key], _made_again(trial.params)
        if differs := next(_differences(row, again), ""):
            raise CheckFailed(f"first difference: {table}: {what}: {differs}")
        print(f"same  {what}: {row.results or row.outcome}", flush=True)
    if count >= len(rows):  # these sources say what those said that made the rows
        write_asked(study)
    print("same")


def _differences(row: Run, again: Run) -> Iterator[str]:
    """Yield what the row says and the pipeline does not."""
    for name in ("results", "outcome"):
        said, found = getattr(row, name), getattr(again, name)
        if said != found and not (name == "results" and again.outcome.startswith(DIVERGED)):
            yield f"{name}: the table says {said or row.outcome}, the pipeline {found or again.outcome}"
    if row.metrics and again.metrics:
        for (name, said), (_, found) in zip(row.metrics, again.metrics, strict=True):
            if said != found:
                yield f"{name}: the table says {said}, the pipeline {found}; their results are equal"
        for name, most in POINTS.items():
            if row.curves[name] != thinned(again.curves[name], most):
                yield f"curves.csv: {name} is not the pipeline's; their results are equal"


def _made_again(params: Params) -> Run:
    """Return what the pipeline makes of the params: an experiment of DVC's, which is removed again.

    Its hash is taken anew, of its models and tables.
    """
    name = f"charloom-row-{uuid4().hex[:12]}"
    here, wanted = flat_of(read_params()), flat_of(params)
    settings = [f"--set-param={each}={as_yaml(value)}" for each, value in wanted.items() if value != here[each]]
    text = params.prepare.text
    own = Path(text).exists() and not git("ls-files", "--", text)  # DVC leaves behind what Git does not know
    carried = [f"--copy-paths={text}"] if own else []
    code, printed = dvc("exp", "run", "--temp", "--force", "--name", name, *settings, *carried)
    if code:
        if found := DIVERGING.search(printed):
            return Run(params, "", found[1], None, {}, "")
        raise CheckFailed(f"`dvc exp run` fails: {(printed.strip().splitlines() or ['without a word'])[-1]}")
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = files("track") | files("train")
            revision = git("for-each-ref", "--format=%(objectname)", f"refs/exps/*/*/{name}")
            outs, kept = stages_in(git("show", f"{revision}:./dvc.lock").encode())["train"].outs, cache()
            for key, file in path.items():
                path[key] = Path(folder) / file
                path[key].parent.mkdir(parents=True, exist_ok=True)
                if key in {"models/last", "models/best"}:
                    md5 = str(outs[str(file)])
                    path[key].symlink_to(kept / md5[:2] / md5[2:])
                elif file.parts[0] in {"metrics", "plots"}:
                    path[key].write_text(git("show", f"{revision}:./{file}") + "\n", encoding="utf-8")
            return from_folder(params, path)._replace(results=hashed(path))
    finally:
        dvc("exp", "remove", name)
