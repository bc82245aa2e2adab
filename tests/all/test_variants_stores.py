"""Variants of false claims about code that is not to run, and about MLflow stores."""

from contextlib import chdir, suppress
from zipfile import ZipFile

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from recorded import sent

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


def test_a_run_whose_model_may_not_be_registered_is_complete_all_the_same(project, monkeypatch):
    """Somebody else's registered model has the name of our text's file, and we may not write to it."""

    def refused(*_, **__):
        raise MlflowException("Permission denied", error_code=PERMISSION_DENIED)

    monkeypatch.setattr(MlflowClient, "create_model_version", refused)
    with chdir(project.folder), suppress(Exception):
        put(this_run())
        sent()
    (run,) = project.runs()
    assert run.info.status == "FINISHED"
    assert "charloom.results" in run.data.tags
