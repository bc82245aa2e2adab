"""Projects whose MLflow store is there and empty: to make one takes a second."""

import shutil

import pytest
from mlflow import MlflowClient


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def project(project, empty_store):
    shutil.copy(empty_store, project.folder)
    return project
