"""A study on a cluster that loses workers, has a wrong one and gets a late one gives the table of one machine."""

import os
import subprocess
import sys

import pytest
from projects import SMALL, make, said, started, until
from study_projects import ask, dask, other_sources, tables

# A trial takes about a second, so that workers can be killed in the middle of one.
SECOND = {
    **SMALL,
    "m: 100": "m: 30",
    "updates: 400": "updates: 60000",
    "checkpoint_every: 200": "checkpoint_every: 6000",
}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A project without results, its study's folder, and the tables that the processes of this machine make."""
    project = make(tmp_path_factory.mktemp("cluster") / "project", SECOND)
    folder = ask(project)
    said(project, "study", "studies/a.yaml", "--jobs", "2")
    made = tables(folder)
    assert len(made["trials.csv"].splitlines()) > 8
    for path in folder.iterdir():
        path.unlink()
    return project, folder, made


def rows(folder) -> int:
    path = folder / "trials.csv"
    return len(path.read_text().splitlines()) - 1 if path.exists() else 0


def test_lost_late_and_wrong_workers_leave_the_table_as_it_is(here, tmp_path):
    project, folder, made = here
    wrong = other_sources(
        tmp_path / "wrong", "charloom/kernel/elementary.py",
        "T5 = math.nextafter(T5, 1.0)\n", after="for n in range(2, 14))\n",
    )  # fmt: skip
    # Compiled first: while others compile, too, the table would be made before this worker can show what it is.
    compiles = "from charloom.study.engine import identity; identity(['adagrad float64'])"
    subprocess.run([sys.executable, "-c", compiles], env=os.environ | {"PYTHONPATH": str(wrong)}, check=True)
    with dask(tmp_path / "dask") as cluster:
        first, second = cluster.worker(), cluster.worker()
        cluster.worker(wrong)
        study = started(project, "charloom", "study", "studies/a.yaml", "--dask", cluster.address)
        until(lambda: rows(folder) >= 1, 120)
        first.kill()
        n = rows(folder)
        until(lambda: rows(folder) > n, 60)
        cluster.worker()  # late
        second.kill()  # only the late one is left
        assert study.wait(180) == 0, (project.folder / "printed.txt").read_text()
    printed = (project.folder / "printed.txt").read_text()
    assert tables(folder) == made
    refused = [line for line in printed.splitlines() if "is left out" in line]
    assert len(refused) == 1
    assert refused[0].startswith("warning: worker tcp://127.0.0.1:")
    assert "float64 arithmetic is " in refused[0]
