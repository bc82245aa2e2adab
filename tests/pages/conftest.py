"""The results of the small run, as the stage `plot` reads them."""

from contextlib import chdir

import pytest

from charloom.core.config.pipeline import files
from charloom.core.config.reading import read_params
from charloom.pages.experiment.experiment_files import read_results


@pytest.fixture(scope="module")
def results(finished):
    with chdir(finished.folder):
        return read_results(read_params(), {name: path.resolve() for name, path in files("plot").items()})
