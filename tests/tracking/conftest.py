"""Projects whose MLflow store is there and empty: to make one takes a second, so it is made once for all workers."""

import os
import shutil
import sqlite3

import pytest
from filelock import FileLock
from mlflow import MlflowClient
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
