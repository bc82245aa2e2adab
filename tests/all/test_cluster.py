"""A real cluster with workers or a scheduler lost, late or wrong: no false row, no row lost, no silent wait."""

import os
import signal
import subprocess
import sys

import psutil
import pytest
from projects import OTHER_WEIGHTS, SMALL, copied, make, said, started, until
from study_projects import ask, dask, other_sources, rows, tables

from charloom.core.network import recipe
from charloom.study import trial

# A trial takes about a second, so that something can happen in the middle of one.
SECOND = SMALL | {
    "m: 100": "m: 30", "updates: 400": "updates: 60000", "checkpoint_every: 200": "checkpoint_every: 6000",
}  # fmt: skip
QUESTION = "vary: {eta: [0.1, 0.05]}\nbaseline: {}\nseeds: 4\nmeasure: held_out_bits_per_character\n"
HALVED = """

original = train_trial


def train_trial(*arguments):
    run = original(*arguments)
    curves = {**run.curves, PART_MEASURE: {at: bits / 2 for at, bits in run.curves[PART_MEASURE].items()}}
    return run._replace(curves=curves)
"""
COMPILES = "from charloom.study.trial import code_digests; code_digests('adagrad float64')"


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A project without results, and the tables that the processes of this machine make."""
    project = make(tmp_path_factory.mktemp("cluster") / "project", SECOND)
    folder = ask(project, QUESTION)
    said(project, "study", "studies/a.yaml", "--jobs", "2")
    expected = tables(folder)
    assert len(expected["trials.csv"].splitlines()) == 1 + 2 * 4
    for path in folder.iterdir():
        path.unlink()
    return project, expected


@pytest.fixture
def here(asked, tmp_path):
    return copied(asked[0], tmp_path / "project"), asked[1], tmp_path


def begun(project, cluster) -> subprocess.Popen:
    return started(project, "charloom", "study", "studies/a.yaml", "--dask", cluster.address, MLFLOW_TRACKING_URI="x")


def test_lost_late_and_wrong_workers_leave_the_table_as_it_is(here):
    project, expected, folder = here
    arithmetic = other_sources(folder / "arithmetic", recipe, f"WEIGHT = 1 + 2**-52{OTHER_WEIGHTS}")
    measure = other_sources(folder / "measure", trial, HALVED)
    # Compiled first: while others compile, too, the table would be made before this worker can show what it is.
    subprocess.run([sys.executable, "-c", COMPILES], env=os.environ | {"PYTHONPATH": str(arithmetic)}, check=True)
    with dask(folder / "dask") as cluster:
        cluster.worker(arithmetic)
        cluster.worker(measure)
        study = begun(project, cluster)
        until(lambda: project.log().count(" is left out after ") == 2, 120)
        assert rows(project) == []
        first, second = cluster.worker(), cluster.worker()
        until(lambda: rows(project), 120)
        first.kill()
        known = len(rows(project))
        until(lambda: len(rows(project)) > known)
        cluster.worker()  # late
        second.kill()  # only the late one is left
        assert study.wait(180) == 0, project.log()
    assert tables(project.folder / "studies/a") == expected
    refused = [line for line in project.log().splitlines() if "is left out" in line]
    assert sorted("float64 arithmetic is " in line for line in refused) == [False, True]
    assert all("its adagrad float64 small trial is" in line for line in refused)


def test_ctrl_c_works_while_a_scheduler_hangs_and_a_killed_scheduler_gets_a_line(here):
    project, expected, folder = here
    with dask(folder / "dask") as cluster:
        cluster.worker()
        study = begun(project, cluster)
        until(lambda: rows(project))
        hanging = psutil.Process(cluster.scheduler.pid)
        hanging.suspend()
        with pytest.raises(subprocess.TimeoutExpired):
            study.wait(3)
        os.killpg(study.pid, signal.SIGINT)
        assert study.wait(15) == 130
        hanging.resume()
        known, study = len(rows(project)), begun(project, cluster)
        until(lambda: len(rows(project)) > known)
        cluster.scheduler.kill()
        assert study.wait(60) == 5
        assert "no scheduler" in project.log()
    assert "Traceback" not in project.log()
    assert set() < set(rows(project)) <= set(expected["trials.csv"].decode().splitlines())


def test_clones_share_a_cluster_and_a_killed_one_does_not_harm_the_others(here, asked):
    project, expected, folder = here
    second, third = copied(asked[0], folder / "second"), copied(asked[0], folder / "third")
    ask(third, QUESTION.replace("0.05", "0.2").replace("seeds: 4", "seeds: [5, 6, 7, 8]"))
    with dask(folder / "dask") as cluster:
        cluster.worker()
        cluster.worker()
        studies = [begun(clone, cluster) for clone in (project, second, third)]
        until(lambda: rows(third))
        studies[2].kill()
        assert [study.wait(90) for study in studies[:2]] == [0, 0]
    assert tables(project.folder / "studies/a") == tables(second.folder / "studies/a") == expected
