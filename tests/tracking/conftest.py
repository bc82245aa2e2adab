"""Projects whose MLflow store is there and empty: to make one takes a second, so it is made once for all workers."""

import os
import shutil

import pytest
from filelock import FileLock
from mlflow import MlflowClient


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    base = tmp_path_factory.getbasetemp()
    file = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "empty.db"
    with FileLock(file.with_suffix(".lock")):
        if not file.exists():
            MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def project(project, empty_store):
    shutil.copy(empty_store, project.folder / "mlflow.db")
    return project
