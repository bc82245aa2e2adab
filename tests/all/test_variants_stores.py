"""New variants of false claims about code that is not to run, and about MLflow stores: by what is claimed."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import chdir, suppress
from pathlib import Path
from zipfile import ZipFile

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from projects import ROOT
from stores import free_port

sys.path.insert(0, str(ROOT / "tests/tracking"))
from recorded import sent as sent_spool
from test_studies import a_study, in_studies, sent, sent_only

from charloom.tracking import studies
from charloom.tracking.collect import put, this_run
from charloom.tracking.entry_files import CHECKSUMS, checksums


def planted(folder: Path) -> str:
    return f"import pathlib\npathlib.Path({str(folder / 'executed')!r}).write_text(__name__)\n"


# Claim 8: what only reads runs nobody's code.


@pytest.mark.parametrize("name", ["uvicorn.py", "types.py", "mlflow/__init__.py", "flask.py", "uvloop/__init__.py"])
def test_code_of_a_folder_is_not_run_by_the_server_of_ui(project, name):
    path = project.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(planted(project.folder))
    port = free_port()
    with (project.folder / "ui.txt").open("w") as heard:
        ui = subprocess.Popen(
            ["charloom", "ui", "--port", str(port)], cwd=project.folder, env=project.environment(),
            stdin=subprocess.DEVNULL, stdout=heard, stderr=heard, start_new_session=True,
        )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end and ui.poll() is None and not (project.folder / "executed").exists():
            with suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            time.sleep(0.2)
        assert not (project.folder / "executed").exists(), (project.folder / "executed").read_text()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(ui.pid, signal.SIGTERM)  # it ends its server, which is in a group of its own
        ui.wait()


@pytest.mark.parametrize("where", ["served.py", "charloom/__init__.py", "charloom/model/model_file.py"])
def test_code_in_a_spool_that_came_with_the_clone_is_not_run_by_track(project, where):
    with chdir(project.folder):
        waits = put(this_run()) / "files"
    code = planted(project.folder)
    if where == "served.py":
        path = waits / "code" / where
        path.write_text(code + path.read_text())
    else:
        path = waits / "code/charloom.zip"
        with ZipFile(path) as packed:
            files = {name: packed.read(name) for name in packed.namelist()}
        files[where] = code.encode() + files[where]
        with ZipFile(path, "w") as packed:
            for name, content in files.items():
                packed.writestr(name, content)
    (waits / CHECKSUMS).write_text(checksums(waits))
    printed = project.run("charloom", "track", expect=None)
    assert not (project.folder / "executed").exists(), printed


# Claim 9: studies in MLflow.


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
        each.model_copy(
            update={"results": "f" * 64, "series": {n: dict.fromkeys(x, 0.001) for n, x in each.series.items()}}
        )
        for each in contents.trials
    ]
    sent(project, contents.model_copy(update={"trials": forged}))
    sent_only(project, contents)
    results = {run.data.tags.get("charloom.results") for run in in_studies(project)}
    assert {each.results for each in contents.trials} <= results


def test_a_sender_who_may_not_delete_is_not_stopped_where_another_was_first(project, monkeypatch):
    contents = a_study(project)
    _, trials = sent(project, contents)
    at_once, looked = [{}], studies._trials
    monkeypatch.setattr(studies, "_trials", lambda *given: at_once.pop() if at_once else looked(*given))

    def refused(*_):
        raise MlflowException("Permission denied", error_code=PERMISSION_DENIED)

    monkeypatch.setattr(MlflowClient, "delete_run", refused)
    sent_only(project, contents)
    assert {run.info.run_id for run in trials.values()} <= {run.info.run_id for run in in_studies(project)}


# Claim 10, without passwords.


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
