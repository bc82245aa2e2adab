"""Training, sender, `track` and store, killed after every step: another try leaves one complete run, counted once."""

import itertools
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from projects import Project, copied, seed_of_the_week
from recorded import curve, holds_what_the_files_hold, model_names, sent, trained_again, waiting

from charloom.results import spool
from charloom.tracking import entries, rounds
from charloom.tracking.collect import put, this_run

REQUESTS = (
    "create_experiment", "set_experiment_tag", "delete_experiment_tag", "get_experiment", "search_experiments",
    "search_runs", "create_run", "log_batch", "create_logged_model", "finalize_logged_model",
    "log_outputs", "create_registered_model", "search_model_versions", "create_model_version",
    "set_registered_model_alias", "set_terminated", "update_run",
)  # fmt: skip
STEPS = [
    *((MlflowClient, name) for name in REQUESTS),
    (LocalArtifactRepository, "log_artifact"),
    (spool, "append"),
    (entries, "write"),
    (Path, "rename"),
    (Path, "write_text"),
    (shutil, "rmtree"),
]
MOMENTS = 60
EVERY = 5  # step counts in pairs


def training() -> None:
    """Begin the record of this folder's training, which this process never ends."""
    run = this_run()
    record = spool.recorded(run.results, run.params, run.text_sha256, "none").__enter__()
    record.points(curve(run)[:2])


def show() -> None:
    rounds.run_round(spool.identity(), {})


def deliver() -> None:
    put(this_run())
    sent()


WORKS = {  # in one process, after a training, or with its beginning
    "at once": (deliver,),
    "shown before": (show, deliver),
    "two senders": (show, deliver),
    "the store, and the sender": (show, deliver),
    "the training and the sender": (training, show),
    "at any moment": (show, deliver),
}


def worked(folder: Path, works, dies: int = 0, gone: int = 0, seconds: float = 0) -> int:
    """Work in a process that is killed; return how many steps it has taken, if it was not.

    dies     steps, after which it is killed
    gone     steps, after which the store refuses whatever is asked
    seconds  after which it is killed
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        taken = [0]

        def counted(where, done):
            def call(*given, **named):
                if 0 < gone <= taken[0] and where is MlflowClient:
                    raise MlflowException("gone")
                answer = done(*given, **named)
                taken[0] += 1
                if taken[0] == dies:
                    os.kill(os.getpid(), signal.SIGKILL)
                return answer

            return call

        try:
            os.chdir(folder)
            for where, name in STEPS:
                setattr(where, name, counted(where, getattr(where, name)))
            for work in works:
                work()
            os.write(writer, str(taken[0]).encode())
        finally:
            os._exit(0)
    os.close(writer)
    if seconds:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reader) as file:
        return int(file.read() or 0)


def attempts(kind: str, steps: int, seconds: float) -> Iterator[list[dict[str, float]]]:
    """Yield what happens to one attempt after the other, before one that nothing happens to."""
    if kind == "at any moment":
        for moment in np.random.default_rng(seed_of_the_week()).uniform(0, seconds, MOMENTS):
            yield [{"seconds": moment}]
    elif kind == "two senders":
        for step in range(1, steps, EVERY):
            yield [{"dies": step}, {"dies": 1 + 7 * step % steps}]
    elif kind == "the store, and the sender":
        for step in range(1, steps, EVERY):
            yield [{"gone": step, "dies": step + 1}]
    else:
        for step in range(1, steps + 1, EVERY if kind == "at once" else 1):
            yield [{"dies": step}]


@pytest.mark.parametrize("kind", WORKS)
def test_killed_after_any_step_it_is_delivered_once(finished, tmp_path, monkeypatch, kind):
    MlflowClient(f"sqlite:///{tmp_path}/empty.db").search_experiments()  # to make one takes seconds
    works, numbers = WORKS[kind], itertools.count()

    def new() -> Project:
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # MLflow has set it to the one before
        project = copied(finished, tmp_path / str(next(numbers)))  # MLflow keeps a file open that it has opened
        shutil.copy(tmp_path / "empty.db", project.folder / "mlflow.db")
        if training not in works:
            trained_again(project)
        return project

    project, began = new(), time.monotonic()
    steps, seconds = worked(project.folder, works), time.monotonic() - began
    print("steps:", steps)
    assert steps > (4 if training in works else 30)
    shutil.rmtree(project.folder)
    for disturbed in attempts(kind, steps, seconds):
        project = new()
        for disturbance in disturbed:
            worked(project.folder, works, **disturbance)
        if training in works:
            trained_again(project)
        with chdir(project.folder):
            deliver()
        (run,) = project.runs()
        client = project.client()
        holds_what_the_files_hold(project, client, run)
        assert len(json.loads(run.data.tags["charloom.trainings"])) == 1, disturbed
        assert run.data.tags["charloom.reproductions"] == "0", disturbed
        assert len(client.search_model_versions("")) == 1, disturbed
        assert len(client.search_logged_models([run.info.experiment_id])) == len(model_names(project)), disturbed
        assert not waiting(project), disturbed
        shutil.rmtree(project.folder)
