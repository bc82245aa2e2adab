"""Verification of a study: rebuild random rows of its table with the pipeline's stages, in a temporary clone.

A row of trials.csv is one trial: the results of one training.
"""

import random
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from charloom.core.base.errors import CheckFailed, WrongInput
from charloom.core.base.git import commit
from charloom.core.base.storage import read_json
from charloom.core.base.yaml12 import as_yaml_text
from charloom.core.config.params import PARAMS, Params
from charloom.core.config.pipeline import Project, is_inside
from charloom.core.config.reading import with_overrides
from charloom.core.config.records import DEFAULT_MEASURE, TextMetrics
from charloom.core.model.model_file import read_model
from charloom.core.text.corpus import read_prepared
from charloom.core.training.protocol import Training
from charloom.proof.rebuild import bring_text, cloned, rebuild
from charloom.results.git import uncommitted_patch
from charloom.results.run import POINTS, Run, from_folder, thinned
from charloom.study.freeze import ensure_same, write_frozen_question
from charloom.study.study_file import Study
from dvc_proof.temporary import temporary_folder

DIVERGING = re.compile(r"^training (diverged at update \d+): ", re.MULTILINE)


def reproduce_rows(study: Study, count: int) -> None:
    """Rebuild `count` random rows of the study (all, if there are fewer), and print progress. The last line is `same`.

    The rows are rebuilt with the sources of the working folder at the start, committed or not. If all rows were
    rebuilt, asked.json records these sources as the study's. Raises CheckFailed at the first row that differs. Raises
    WrongInput if the table has no row of the study, or the study's text is missing.
    """
    table = study.folder / "trials.csv"
    rows = study.trained()
    if not rows:
        raise WrongInput(f"{table}: has no row of this study; `charloom study {study.path}` trains the rows")
    ensure_same(study, text=True, code=False)
    with temporary_folder("charloom-prove-") as folder:
        patch = folder / "uncommitted.diff"  # of sources, dvc.yaml and text
        patch.write_text(uncommitted_patch(study.frozen.text), encoding="utf-8", errors="surrogateescape")
        project = cloned(folder / "clone", commit(), patch)
        bring_text(project, study.frozen.text, study.frozen.sha256)  # not a text outside this folder
        for trial in random.sample(rows, min(count, len(rows))):
            print(f"rebuilding {trial.name}", flush=True)
            row, rebuilt = study.runs[trial.key], _rebuilt(project, trial.params)
            if differs := next(_differences(row, rebuilt), ""):
                raise CheckFailed(f"first difference: {table}: {trial.name}: {differs}")
            print(f"same  {trial.name}: {row.results or row.outcome}", flush=True)
    if count >= len(rows):  # all rows are equal, so these sources may become the study's
        write_frozen_question(study)
    print("same")


def _differences(row: Run, rebuilt: Run) -> Iterator[str]:
    """Yield a sentence for each difference between a row of the table and the rebuilt run.

    The row's curves and passages are compared, too. A value that only one of the two has is not compared.
    """
    for name, old, new in _conflicts(row, rebuilt):
        yield f"{name}: the table says {old}, the pipeline {new}"
    if row.metrics and rebuilt.metrics:
        for name, points in POINTS.items():
            if row.curves[name] != thinned(rebuilt.curves[name], points):
                yield f"curves.csv: {name} differs from the pipeline's"
        if row.passages and row.passages != rebuilt.passages:
            yield "passages.csv differs from the pipeline's costs"


def _conflicts(first: Run, second: Run) -> Iterator[tuple[str, Any, Any]]:
    """Yield (name, first value, second value) of each result that both runs have with different values.

    The results are the held-out bits per character, the outcome, the hash of weights and trace, and the other metrics.
    """
    first_results, second_results = (
        {DEFAULT_MEASURE: None, "outcome": run.outcome, "results": run.results or None} | dict(run.metrics or {})
        for run in (first, second)
    )
    for name, value in first_results.items():
        if None not in (value, second_results.get(name)) and value != second_results[name]:
            yield name, value, second_results[name]


def _rebuilt(project: Project, params: Params) -> Run:
    """Write the params into the clone's params.yaml, run the pipeline up to `train`, and return the run.

    If the training diverges, the run has this outcome, and no metrics and curves. Raises CheckFailed if a stage fails
    for another reason.
    """
    text = Path(params.prepare.text)
    overrides = {} if is_inside(text) else {"prepare.text": str(text.absolute())}
    values = with_overrides(params, overrides, PARAMS).model_dump()
    (project.root / PARAMS).write_text(as_yaml_text(values), encoding="utf-8")
    path = project.files("track") | project.files("train")
    ran = rebuild(project, partial(print, flush=True), "train")
    if ran.failed:
        if ran.failed == "train" and (match := DIVERGING.search(ran.printed)):
            return Run(params, read_json(path["metrics/prepare"], TextMetrics).sha256, match[1], None, {}, "")
        last = (ran.printed.strip().splitlines() or ["no output"])[-1]
        raise CheckFailed(f"{ran.failed} fails: {last}")
    model, prepared = read_model(path["models/last"]), read_prepared(path["prepared/text"])
    passages = Training(params, prepared, Path(), {}).passages(model.theta, model.h)
    return from_folder(params, path)._replace(passages=passages)
