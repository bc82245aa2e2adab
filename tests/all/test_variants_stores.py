"""Variants of false claims about code that is not to run, and about MLflow stores."""

import shutil
import sys
from contextlib import chdir, suppress
from pathlib import Path
from zipfile import ZipFile

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from projects import ROOT
from recorded import sent as sent_spool

sys.path.insert(0, str(ROOT / "tests/tracking"))
from test_studies import a_study, in_studies, sent, sent_only

from charloom.tracking.collect import put, this_run
from charloom.tracking.entries import CHECKSUMS, checksums


def test_code_in_a_spool_that_came_with_the_clone_is_not_run_by_track(project):
    """What waits is data: MLflow executes a model's code to save it, and that is not this one."""
    with chdir(project.folder):
        waits = put(this_run()) / "files"
    code = f"import pathlib\npathlib.Path({str(project.folder / 'executed')!r}).write_text(__name__)\n"
    served, packed = waits / "code/served.py", waits / "code/charloom.zip"
    served.write_text(code + served.read_text())
    with ZipFile(packed) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with ZipFile(packed, "w") as archive:
        for name, content in files.items():
            planted = name in {"charloom/__init__.py", "charloom/model/model_file.py"}
            archive.writestr(name, code.encode() + content if planted else content)
    (waits / CHECKSUMS).write_text(checksums(waits))
    printed = project.run("charloom", "track")
    assert "MLflow run " in printed
    assert not (project.folder / "executed").exists(), printed


def test_the_page_of_a_study_with_more_seeds_is_not_replaced_by_somebody_with_fewer(project):
    """Two people ask the same settings, one with 2 seeds, one with 1: the second has not seen the first's table."""
    more = a_study(project, seeds=2).model_copy(update={"description": "**better**, of 2 seeds\n"})
    first, trials = sent(project, more)
    shutil.rmtree(project.folder / "studies")
    less = a_study(project, seeds=1).model_copy(update={"description": "**cannot tell**, of 1 seed\n"})
    second, after = sent(project, less)
    assert {run.info.run_id for run in after.values()} >= {run.info.run_id for run in trials.values()}
    assert first.info.run_id == second.info.run_id
    table = project.client().download_artifacts(second.info.run_id, "trials.csv", str(project.folder))
    assert len(Path(table).read_text().splitlines()) - 1 == len(after)  # one story: page, table, and trials below it


def test_a_trial_that_came_to_other_results_is_said_beside_the_older_one(project):
    """Somebody else's row of the same key has other results; ours is not hidden behind it without a word."""
    contents = a_study(project)
    forged = [
        trial.model_copy(
            update={"results": "f" * 64, "series": {n: dict.fromkeys(x, 0.001) for n, x in trial.series.items()}}
        )
        for trial in contents.trials
    ]
    sent(project, contents.model_copy(update={"trials": forged}))
    sent_only(project, contents)
    results = {run.data.tags.get("charloom.results") for run in in_studies(project)}
    assert {trial.results for trial in contents.trials} <= results


def test_a_run_whose_model_may_not_be_registered_is_complete_all_the_same(project, monkeypatch):
    """Somebody else's registered model has the name of our text's file, and we may not write to it."""

    def refused(*_, **__):
        raise MlflowException("Permission denied", error_code=PERMISSION_DENIED)

    monkeypatch.setattr(MlflowClient, "create_model_version", refused)
    with chdir(project.folder), suppress(Exception):
        put(this_run())
        sent_spool()
    (run,) = project.runs()
    assert run.info.status == "FINISHED"
    assert "charloom.results" in run.data.tags
