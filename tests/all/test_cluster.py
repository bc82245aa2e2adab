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
from charloom.core.training import headline

# A trial takes about a second, so that something can happen in the middle of one.
SECOND = SMALL | {
    "m: 100": "m: 30", "updates: 400": "updates: 60000", "checkpoint_every: 200": "checkpoint_every: 6000",
}  # fmt: skip
QUESTION = "vary: {eta: [0.1, 0.05]}\nbaseline: {}\nseeds: 4\nmeasure: held_out_bits_per_character\n"
COMPILES = "from charloom.study.trial import code_digests; code_digests(['adagrad float64'])"


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


def test_lost_and_late_workers_leave_the_table_as_it_is(here):
    project, expected, folder = here
    with dask(folder / "dask") as cluster:
        study = begun(project, cluster)
        first, second = cluster.worker(), cluster.worker()
        until(lambda: rows(project), 120)
        first.kill()
        known = len(rows(project))
        until(lambda: len(rows(project)) > known)
        cluster.worker()  # late
        second.kill()  # only the late one is left
        assert study.wait(180) == 0, project.log()
    assert tables(project.folder / "studies/a") == expected


@pytest.mark.parametrize(("module", "code", "word"), [
    (recipe, f"WEIGHT = 1 + 2**-52{OTHER_WEIGHTS}", "adagrad float64 arithmetic"), (headline, "X = 1", "code of core"),
])  # fmt: skip
def test_a_worker_with_other_code_ends_the_study_before_its_first_row(here, module, code, word):
    project, _, folder = here
    sources = other_sources(folder / "sources", module, code)
    subprocess.run([sys.executable, "-c", COMPILES], env=os.environ | {"PYTHONPATH": str(sources)}, check=True)
    with dask(folder / "dask") as cluster:
        cluster.worker(sources)
        study = begun(project, cluster)
        assert study.wait(120) == 1, project.log()
    assert rows(project) == []
    assert " has other code: " in project.log()
    assert f"its {word} is " in project.log()
    assert "Traceback" not in project.log()


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
        studies[2].wait()
        assert [study.wait(90) for study in studies[:2]] == [0, 0]
    assert tables(project.folder / "studies/a") == tables(second.folder / "studies/a") == expected
