"""A real cluster with workers or a scheduler lost, late or wrong: no false row, no row lost, no silent wait."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack

import psutil
import pytest
from projects import SMALL, copied, make, said, started, until
from stores import free_port
from study_projects import another, ask, dask, other_sources, tables

# A trial takes about a second, so that something can happen in the middle of one.
SECOND = {
    **SMALL,
    "m: 100": "m: 30",
    "updates: 400": "updates: 60000",
    "checkpoint_every: 200": "checkpoint_every: 6000",
}
QUESTION = "vary: {eta: [0.1, 0.05]}\nbaseline: {}\nseeds: 4\nmeasure: held_out_bits_per_character\n"
HALVED = """
run = original(*arguments)
curves = {**run.curves, MEASURE_OF_PART: {at: bits / 2 for at, bits in run.curves[MEASURE_OF_PART].items()}}
return run._replace(curves=curves)
"""
ENDS = """
if (arguments[0].seed, arguments[0].eta) == (4, 0.05):
    import os
    os._exit(9)
return original(*arguments)
"""
COMPILES = "from charloom.study.engine import identity; identity('adagrad float64')"


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


def rows(project) -> list[str]:
    path = project.folder / "studies/a/trials.csv"
    return path.read_text().splitlines()[1:] if path.exists() else []


def begun(project, cluster) -> subprocess.Popen:
    return started(project, "charloom", "study", "studies/a.yaml", "--dask", cluster.address, MLFLOW_TRACKING_URI="x")


def printed(project) -> str:
    return (project.folder / "printed.txt").read_text()


def true(project, expected) -> bool:
    """Return whether each row of the table is one of those expected, and nothing is a traceback."""
    assert "Traceback" not in printed(project)
    return set(rows(project)) <= set(expected["trials.csv"].decode().splitlines())


def test_lost_late_and_wrong_workers_leave_the_table_as_it_is(here):
    project, expected, folder = here
    arithmetic = other_sources(
        folder / "arithmetic", "charloom/kernel/elementary.py",
        "T5 = math.nextafter(T5, 1.0)\n", after="for n in range(2, 14))\n",
    )  # fmt: skip
    measure = other_sources(folder / "measure", "charloom/study/trial.py", another("train_trial", HALVED))
    # Compiled first: while others compile, too, the table would be made before this worker can show what it is.
    subprocess.run([sys.executable, "-c", COMPILES], env=os.environ | {"PYTHONPATH": str(arithmetic)}, check=True)
    with dask(folder / "dask") as cluster:
        cluster.worker(arithmetic)
        cluster.worker(measure)
        study = begun(project, cluster)
        until(lambda: printed(project).count("is left out: its") == 2, 120)
        assert rows(project) == []
        first, second = cluster.worker(), cluster.worker()
        until(lambda: rows(project), 120)
        first.kill()
        known = len(rows(project))
        until(lambda: len(rows(project)) > known)
        cluster.worker()  # late
        second.kill()  # only the late one is left
        assert study.wait(180) == 0, printed(project)
    assert tables(project.folder / "studies/a") == expected
    refused = [line for line in printed(project).splitlines() if "is left out" in line]
    assert sorted("float64 arithmetic is " in line for line in refused) == [False, True]
    assert all("its adagrad float64 small trial is" in line for line in refused)


def test_a_worker_that_comes_back_at_its_address_with_other_sources_is_proved_again(here):
    project, expected, folder = here
    wrong = other_sources(folder / "other", "charloom/study/trial.py", another("train_trial", HALVED))
    with dask(folder / "dask") as cluster:
        options = (
            cluster.address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1",
            "--worker-port", str(free_port()), "--local-directory", str(folder),
        )  # fmt: skip
        worker = cluster.begin("worker", *options)
        study = begun(project, cluster)
        until(lambda: rows(project))
        worker.kill()
        worker.wait()
        cluster.begin("worker", *options, PYTHONPATH=str(wrong))
        until(lambda: study.poll() is not None or "is left out" in printed(project))
        os.killpg(study.pid, signal.SIGKILL)
        study.wait()
    assert true(project, expected)


def test_a_trial_that_ends_each_worker_is_named_and_what_is_trained_is_kept(here):
    project, expected, folder = here
    wrong = other_sources(folder / "other", "charloom/study/engine.py", another("checked_trial", ENDS))
    with dask(folder / "dask") as cluster:
        for _ in range(2):  # each with a nanny, which replaces it
            cluster.begin("worker", cluster.address, "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1",
                          "--local-directory", str(folder), PYTHONPATH=str(wrong))  # fmt: skip
        study = begun(project, cluster)
        assert study.wait(120) == 5
    assert printed(project).endswith(
        "eta=0.05, seed 4: 4 workers have failed at this; is there too little memory, or was the connection lost?\n"
    )
    assert rows(project)
    assert true(project, expected)


def test_a_scheduler_that_is_killed_is_said_in_a_line_and_rows_are_kept(here):
    project, expected, folder = here
    with dask(folder / "dask") as cluster:
        cluster.worker()
        study = begun(project, cluster)
        until(lambda: rows(project))
        cluster.scheduler.kill()
        assert study.wait(60) == 5
    assert true(project, expected)
    assert "no scheduler" in printed(project)
    assert rows(project)


def test_a_scheduler_that_hangs_does_not_make_a_study_deaf_to_ctrl_c(here):
    project, expected, folder = here
    with dask(folder / "dask") as cluster, ExitStack() as after:
        cluster.worker()
        study = begun(project, cluster)
        after.callback(study.wait)
        after.callback(study.kill)
        until(lambda: rows(project))
        hanging = psutil.Process(cluster.scheduler.pid)
        hanging.suspend()
        after.callback(hanging.resume)
        with pytest.raises(subprocess.TimeoutExpired):
            study.wait(3)
        os.killpg(study.pid, signal.SIGINT)
        assert study.wait(15) == 130
    assert true(project, expected)


def test_two_clones_and_another_question_share_a_cluster_and_one_that_is_killed_harms_none(here, asked):
    project, expected, folder = here
    second, third = copied(asked[0], folder / "second"), copied(asked[0], folder / "third")
    ask(third, QUESTION.replace("0.05", "0.2"))
    with dask(folder / "dask") as cluster:
        cluster.worker()
        cluster.worker()
        studies = [begun(clone, cluster) for clone in (project, second, third)]
        until(lambda: rows(third))
        studies[2].kill()
        assert [study.wait(90) for study in studies[:2]] == [0, 0]
    assert tables(project.folder / "studies/a") == tables(second.folder / "studies/a") == expected
