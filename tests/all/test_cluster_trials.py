"""A cluster whose workers, or whose scheduler, behave badly: no false row, no row lost, no wait without a word."""

import os
import signal
import subprocess
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
QUESTION = "vary: {eta: [0.1, 0.05]}\nbaseline: {}\nseeds: 2\nmeasure: held_out_bits_per_character\n"
HALVED = """
run = original(*arguments)
curves = {**run.curves, MEASURE_OF_PART: {at: bits / 2 for at, bits in run.curves[MEASURE_OF_PART].items()}}
return run._replace(curves=curves)
"""
ANOTHER_SEED = 'return original(arguments[0].model_copy(update={"seed": 7}), *arguments[1:])'
ENDS = """
if (arguments[0].seed, arguments[0].eta) == (2, 0.05):
    import os
    os._exit(9)
return original(*arguments)
"""


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A project without results, and the tables that the processes of this machine make."""
    project = make(tmp_path_factory.mktemp("trials") / "project", SECOND)
    folder = ask(project, QUESTION)
    said(project, "study", "studies/a.yaml", "--jobs", "2")
    made = tables(folder)
    for path in folder.iterdir():
        path.unlink()
    return project, made


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


def true(project, made) -> bool:
    """Return whether each row that is there is one of those that were made, and nothing is a traceback."""
    assert "Traceback" not in printed(project)
    return set(rows(project)) <= set(made["trials.csv"].decode().splitlines())


def worse(folder, module: str, function: str, body: str):
    """Return sources in which a function of a module of `study` has another body."""
    return other_sources(folder / "other", f"charloom/study/{module}.py", another(function, body))


def test_a_worker_that_halves_a_measure_is_left_out_and_named(here):
    project, made, folder = here
    wrong = worse(folder, "trial", "train_trial", HALVED)
    with dask(folder / "dask") as cluster:
        cluster.worker(wrong)
        study = begun(project, cluster)
        until(lambda: "is left out: its adagrad float64 small trial is" in printed(project))
        assert rows(project) == []
        cluster.worker()
        assert study.wait(60) == 0
    assert tables(project.folder / "studies/a") == made


def test_a_worker_that_comes_back_at_its_address_with_other_sources_is_proved_again(here):
    project, made, folder = here
    wrong = worse(folder, "trial", "train_trial", HALVED)
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
    assert true(project, made)


def test_what_is_no_run_of_the_trial_is_not_taken(here):
    project, made, folder = here
    with dask(folder / "dask") as cluster:
        cluster.worker(worse(folder, "engine", "run_trial", ANOTHER_SEED))
        study = begun(project, cluster)
        until(lambda: study.poll() is not None or "is left out" in printed(project))
        if study.poll() is None:
            os.killpg(study.pid, signal.SIGINT)
        study.wait(30)
    assert true(project, made)


@pytest.mark.parametrize(
    ("function", "body"),
    [("run_trial", "raise ValueError('broken')"), ("identity", "raise OSError(28, 'full')")],
)
def test_what_a_worker_raises_is_said_of_that_worker(here, function, body):
    project, made, folder = here
    with dask(folder / "dask") as cluster:
        worker = cluster.worker(worse(folder, "engine", function, body))
        study = begun(project, cluster)
        until(lambda: study.poll() is not None or "is left out" in printed(project))
        worker.kill()
        if study.poll() is None:
            os.killpg(study.pid, signal.SIGINT)
        study.wait(30)
    assert true(project, made)
    assert "no scheduler" not in printed(project)
    assert "worker tcp://" in printed(project)


def test_a_trial_that_ends_each_worker_is_named_and_what_is_trained_is_kept(here):
    project, made, folder = here
    wrong = worse(folder, "engine", "run_trial", ENDS)
    with dask(folder / "dask") as cluster:
        for _ in range(2):  # each with a nanny, which replaces it
            cluster.begin("worker", cluster.address, "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1",
                          "--local-directory", str(folder), PYTHONPATH=str(wrong))  # fmt: skip
        study = begun(project, cluster)
        assert study.wait(60) == 5
    assert printed(project).endswith(
        "eta=0.05, seed 2: 4 workers have failed at this; is there too little memory, or was the connection lost?\n"
    )
    assert rows(project)
    assert true(project, made)


def test_a_scheduler_that_is_killed_is_said_in_a_line_and_rows_are_kept(here):
    project, made, folder = here
    with dask(folder / "dask") as cluster:
        cluster.worker()
        study = begun(project, cluster)
        until(lambda: rows(project))
        cluster.scheduler.kill()
        code = study.wait(60)
    assert true(project, made)
    assert code == 5
    assert "no scheduler" in printed(project)
    assert rows(project)


def test_a_scheduler_that_hangs_does_not_make_a_study_deaf_to_ctrl_c(here):
    project, made, folder = here
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
        try:
            code = study.wait(15)
        except subprocess.TimeoutExpired:
            code = None
    assert code == 130
    assert true(project, made)


def test_two_clones_and_another_question_share_a_cluster_and_one_that_is_killed_harms_none(here, asked):
    project, made, folder = here
    second, third = copied(asked[0], folder / "second"), copied(asked[0], folder / "third")
    ask(third, QUESTION.replace("0.05", "0.2"))
    with dask(folder / "dask") as cluster:
        cluster.worker()
        cluster.worker()
        studies = [begun(each, cluster) for each in (project, second, third)]
        until(lambda: rows(third))
        studies[2].kill()
        assert [study.wait(90) for study in studies[:2]] == [0, 0]
    assert tables(project.folder / "studies/a") == tables(second.folder / "studies/a") == made
