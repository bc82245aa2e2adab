"""Training, sender, `track` and store, killed at drawn steps: another try leaves one complete run, counted once."""

import os
import shutil
import signal
import sys
from contextlib import chdir
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow_project import curve, holds_what_the_files_hold, model_names, sent, trained_again, trainings, waiting
from projects import Project, copied, seed_of_the_week
from sqlalchemy import Engine, event

from charloom.core.runtime.provenance import sender_identity
from charloom.core.training.record import Recording
from charloom.tracking.collect import put, this_run
from charloom.tracking.rounds import run_round

MOMENTS = 8  # of each kind
CHANGES = {"os.remove", "os.rename", "os.rmdir"}


def training() -> None:
    """Begin the record of this folder's training, which this process never ends."""
    run = this_run()
    record = Recording(run.results, run.params, run.text_sha256).__enter__()
    record.points(curve(run)[:2])


def show() -> None:
    run_round(sender_identity(), {})


def deliver() -> None:
    put(this_run())
    sent()


# The works of one process, after a training or with its beginning, and what happens to it once or twice at a step.
KINDS = {
    "at once": ((deliver,), lambda step, _: [{"dies": step}]),
    "shown before": ((show, deliver), lambda step, _: [{"dies": step}]),
    "two senders": ((show, deliver), lambda step, steps: [{"dies": step}, {"dies": 1 + 7 * step % steps}]),
    "the store, and the sender": ((show, deliver), lambda step, _: [{"gone": step, "dies": step + 1}]),
    "the training and the sender": ((training, show), lambda step, _: [{"dies": step}]),
}


def worked(folder: Path, works, dies: int = 0, gone: int = 0) -> int:
    """Work in a process of its own; return how many steps it has taken, or 0 if it was killed before step `dies`.

    A step is a transaction of the store, or a file opened for writing, renamed or removed. After step `gone` the store
    refuses each transaction.
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

        def begin(_):
            if 0 < gone <= taken:
                raise OSError("gone")

        def audited(name, arguments):
            if name in CHANGES or (name == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
                step()

        try:
            os.chdir(folder)
            event.listen(Engine, "commit", step)
            event.listen(Engine, "begin", begin)
            sys.addaudithook(audited)
            for work in works:
                work()
            os.write(writer, str(taken).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as file:
        return int(file.read() or 0)


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_any_step_it_is_delivered_once(finished, tmp_path, monkeypatch, kind):
    MlflowClient(f"sqlite:///{tmp_path}/empty.db").search_experiments()  # to make one takes seconds
    (works, disturbances), numbers = KINDS[kind], count()

    def new() -> Project:
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # MLflow has set it to the one before
        project = copied(finished, tmp_path / str(next(numbers)))  # MLflow keeps a file open that it has opened
        shutil.copy(tmp_path / "empty.db", project.folder / "mlflow.db")
        if training not in works:
            trained_again(project)
        return project

    steps = worked(new().folder, works)
    print("steps:", steps)
    assert steps > (10 if training in works else 100)
    drawn = np.random.default_rng([seed_of_the_week(), *kind.encode()])
    for moment in drawn.choice(range(1, steps + 1), size=min(MOMENTS, steps), replace=False):
        project, disturbed = new(), disturbances(int(moment), steps)
        for disturbance in disturbed:
            worked(project.folder, works, **disturbance)
        if training in works:
            trained_again(project)
        with chdir(project.folder):
            deliver()
        (run,) = project.runs()
        client = project.client()
        holds_what_the_files_hold(project, client, run)
        assert len(trainings(run)) == 1, disturbed
        assert run.data.tags["charloom.reproductions"] == "0", disturbed
        assert len(client.search_model_versions("")) == 1, disturbed
        assert len(client.search_logged_models([run.info.experiment_id])) == len(model_names(project)), disturbed
        assert not waiting(project), disturbed
        shutil.rmtree(project.folder)
