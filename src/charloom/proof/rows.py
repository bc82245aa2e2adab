"""Rows of a study, drawn at random and rebuilt by the pipeline, in a folder of their own."""

import random
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from charloom.base.errors import CheckFailed, WrongInput
from charloom.base.storage import read_json
from charloom.base.yaml_text import as_yaml_text
from charloom.model.recorded import hashed
from charloom.proof.rebuild import Failed, cloned, keep_sources_alone, rebuilt_lock, remove
from charloom.results.git import git
from charloom.results.records import TextMetrics
from charloom.results.run import DIVERGED, POINTS, Run, from_folder, thinned
from charloom.settings.params import PARAMS, Params, overridden
from charloom.settings.pipeline import Project
from charloom.study.asking import ensure_text, write_asked
from charloom.study.study_file import Study
from charloom.study.trial import trials_there

DIVERGING = re.compile(r"^training (diverged at update \d+): ", re.MULTILINE)


def prove(study: Study, count: int) -> None:
    """Print a line for each row drawn, and last `same`. Raises CheckFailed at the first that the pipeline contradicts.

    All rows are rebuilt by the sources that are here at the start, committed or not. Raises WrongInput if the table has
    no row, or the study's text is not here.
    """
    table = study.folder / "trials.csv"
    rows = [trial for each in trials_there(study, study.runs).values() for trial in each]
    if not rows:
        raise WrongInput(f"{table}: no row of this study; `charloom study {study.path}` trains them")
    ensure_text(study)
    with tempfile.TemporaryDirectory(prefix="charloom-prove-", ignore_cleanup_errors=True) as place:
        project = _project_here(Path(place) / "clone", study.asked.text)
        for trial in random.sample(rows, min(count, len(rows))):
            what = f"{trial.setting}, seed {trial.seed}"
            print(f"made again by the pipeline: {what}", flush=True)
            row, rebuilt = study.runs[trial.key], _rebuilt(project, trial.params)
            if differs := next(_differences(row, rebuilt), ""):
                raise CheckFailed(f"first difference: {table}: {what}: {differs}")
            print(f"same  {what}: {row.results or row.outcome}", flush=True)
    if count >= len(rows):  # these sources say what those said that made the rows
        write_asked(study)
    print("same")


def _differences(row: Run, rebuilt: Run) -> Iterator[str]:
    """Yield what the row says and the pipeline does not."""
    if rebuilt.text_sha256 != row.text_sha256:
        yield f"the study is of the text with SHA-256 {row.text_sha256}, the pipeline read {rebuilt.text_sha256}"
    for name in ("results", "outcome"):
        said, found = getattr(row, name), getattr(rebuilt, name)
        if said != found and not (name == "results" and rebuilt.outcome.startswith(DIVERGED)):
            yield f"{name}: the table says {said or row.outcome}, the pipeline {found or rebuilt.outcome}"
    if row.metrics and rebuilt.metrics:
        for name, said in row.metrics.known().items():
            if said != (found := getattr(rebuilt.metrics, name)):
                yield f"{name}: the table says {said}, the pipeline {found}; their results are equal"
        for name, most in POINTS.items():
            if row.curves[name] != thinned(rebuilt.curves[name], most):
                yield f"curves.csv: {name} is not the pipeline's; their results are equal"


def _project_here(folder: Path, text: str) -> Project:
    """Return a project with the sources and the text that lie here, and otherwise HEAD's files, without outputs."""
    clone = cloned(folder)
    for name in git("ls-files", "-z", "--deleted").split("\0")[:-1]:
        remove(clone.root / name)
    new = git("ls-files", "-z", "--others", "--exclude-standard", "--", ":(glob)src/**/*.py")
    names = [*f"{git('ls-files', '-z')}{new}".split("\0")[:-1], *([text] if _is_inside(text) else [])]
    for name in filter(lambda name: Path(name).is_file(), names):
        target = clone.root / name
        remove(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(name, target)
    keep_sources_alone(clone)
    return clone


def _is_inside(text: str) -> bool:
    return not Path(text).is_absolute() and ".." not in Path(text).parts


def _rebuilt(project: Project, params: Params) -> Run:
    """Return what the pipeline makes of the params. Its hash is taken of its models and tables."""
    text = params.prepare.text
    there = {} if _is_inside(text) else {"prepare.text": str(Path(text).absolute())}
    values = overridden(params, there, PARAMS).model_dump()
    (project.root / PARAMS).write_text(as_yaml_text(values), encoding="utf-8")
    path = project.files("track") | project.files("train")
    try:
        rebuilt_lock(project, ["train"])
    except Failed as failed:
        if failed.stage == "train" and (found := DIVERGING.search(failed.printed)):
            return Run(params, read_json(path["metrics/prepare"], TextMetrics).sha256, found[1], None, {}, "")
        last = (failed.printed.strip().splitlines() or ["without a word"])[-1]
        raise CheckFailed(f"{failed.stage} fails: {last}") from None
    return from_folder(params, path)._replace(results=hashed(path))
