"""`track`, killed at drawn steps: another try leaves one complete run."""

import os
import shutil
import signal
import sys
from contextlib import chdir
from itertools import count

import numpy as np
from mlflow import MlflowClient
from mlflow_project import holds_what_the_files_hold, model_names, reproduced, tracked, trained, waiting
from projects import Project, copied, seed_of_the_week
from sqlalchemy import Engine, event

MOMENTS = 20
CHANGES = {"os.remove", "os.rename", "os.rmdir"}


def steps_of(project: Project, dies: int = 0) -> int:
    """Track in a process of its own; return how many steps it has taken, or 0 if it was killed before step `dies`.

    A step is a transaction of the store, or a file opened for writing, renamed or removed.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        taken = 0

        def step(*_):
            nonlocal taken
            taken += 1
            if taken == dies:
                os.kill(os.getpid(), signal.SIGKILL)

        def audited(name, arguments):
            if name in CHANGES or (name == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
                step()

        try:
            event.listen(Engine, "commit", step)
            sys.addaudithook(audited)
            tracked(project)
            os.write(writer, str(taken).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as file:
        return int(file.read() or 0)


def test_killed_at_any_step_it_is_delivered_once(finished, tmp_path, monkeypatch):
    MlflowClient(f"sqlite:///{tmp_path}/empty.db").search_experiments()  # to make one takes seconds
    numbers = count()

    def new() -> Project:
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # MLflow has set it to the one before
        project = copied(finished, tmp_path / str(next(numbers)))  # MLflow keeps a file open that it has opened
        shutil.copy(tmp_path / "empty.db", project.folder / "mlflow.db")
        trained(project)
        return project

    steps = steps_of(new())
    print("steps:", steps)
    assert steps > 100
    for moment in np.random.default_rng(seed_of_the_week()).choice(range(1, steps + 1), size=MOMENTS, replace=False):
        project = new()
        files = project.contents()
        assert steps_of(project, int(moment)) == 0
        with chdir(project.folder):
            tracked(project)
        (run,) = project.runs()
        client = project.client()
        holds_what_the_files_hold(project, client, run)
        assert not reproduced(run)
        assert len(client.search_model_versions("")) == 1, moment
        assert len(client.search_logged_models([run.info.experiment_id])) == len(model_names(project)), moment
        assert (waiting(project), project.contents()) == ([], files)
        shutil.rmtree(project.folder)
