"""Projects with an answered study, made once for all tests of a worker."""

import pytest
from projects import copied
from study_projects import THREE_SEEDS, TWO_SEEDS, ask, conducted, tables


@pytest.fixture(scope="session")
def answered_once(finished, tmp_path_factory):
    """A project in which `a` is answered, with its commit."""
    project = copied(finished, tmp_path_factory.mktemp("seeds") / "project")
    ask(project, THREE_SEEDS)
    conducted(project)
    project.commit("a study")
    return project


@pytest.fixture(scope="session")
def studied(finished, tmp_path_factory):
    """A finished project, its study's folder, what the study printed, and the tables that it wrote."""
    project = copied(finished, tmp_path_factory.mktemp("studied") / "project")
    folder = ask(project, TWO_SEEDS)
    printed = conducted(project)
    return project, folder, printed, tables(folder)
