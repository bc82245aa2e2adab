"""Projects with an MLflow store: empty ones, whose store is made once because it takes a second, and one with a run."""

import os
import shutil
import sqlite3

import pytest
from filelock import FileLock
from mlflow import MlflowClient
from mlflow_project import tracked
from projects import copied
from sqlalchemy import Engine, event


@event.listens_for(Engine, "connect")
def _wait_for_no_disk(connection, _):
    """No test here cuts the power: MLflow's hundreds of commits a run need not reach the disk one by one."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


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


@pytest.fixture(scope="session")
def recorded(finished, tmp_path_factory):
    """The project with one run in MLflow, of its commit, for all tests that restore its store."""
    project = copied(finished, tmp_path_factory.mktemp("again") / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)  # of the tests before
        tracked(project)
    return project
