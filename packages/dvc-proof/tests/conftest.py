"""A project that most tests copy."""

import pytest
from repositories import FILES, Repository, made


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A project of three stages; DVC tracks a table."""
    return made(tmp_path_factory.mktemp("small") / "project", FILES, "table.csv")


@pytest.fixture
def project(small: Repository, tmp_path) -> Repository:
    """A copy of it."""
    return small.copied(tmp_path / "project")
