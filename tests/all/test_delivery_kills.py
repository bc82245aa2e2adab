"""`track` and the sender, killed after every step: another try leaves one complete run, and nothing in the spool."""

import json
import os
import shutil
import signal
from contextlib import chdir
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from projects import copied
from recorded import a_training, holds_what_the_files_hold, model_names, sent, waiting

from charloom.results import spool
from charloom.tracking import entry_files, rounds
from charloom.tracking.collect import put, this_run

REQUESTS = (
    "create_experiment", "set_experiment_tag", "delete_experiment_tag", "get_experiment", "search_experiments",
    "search_runs", "create_run", "log_batch", "log_inputs", "create_logged_model", "finalize_logged_model",
    "log_outputs", "create_registered_model", "search_model_versions", "create_model_version",
    "set_registered_model_alias", "set_logged_model_tags", "set_terminated", "update_run",
)  # fmt: skip
STEPS = [
    *((MlflowClient, name) for name in REQUESTS),
    (LocalArtifactRepository, "log_artifact"),
    (spool, "append"),
    (rounds, "append"),
    (entry_files, "write"),
    (Path, "rename"),
    (Path, "write_text"),
    (shutil, "rmtree"),
]


def killed_after(step: int, folder: Path, shown: bool) -> int:
    """Deliver in a process that is killed after so many steps; return how many it has taken if it was not."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        taken = [0]

        def counted(done):
            def call(*given, **named):
                answer = done(*given, **named)
                taken[0] += 1
                if taken[0] == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return answer

            return call

        try:
            os.chdir(folder)
            for where, name in STEPS:
                setattr(where, name, counted(getattr(where, name)))
            if shown:
                rounds.run_round(spool.identity(), {})
            put(this_run())
            sent()
            os.write(writer, str(taken[0]).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as file:
        return int(file.read() or 0)


@pytest.mark.parametrize("shown", [False, True], ids=["at once", "shown before"])
def test_killed_after_any_step_it_is_delivered_once(finished, tmp_path, monkeypatch, shown):
    step, steps = 0, 1000
    MlflowClient(f"sqlite:///{tmp_path}/empty.db").search_experiments()  # to make one takes seconds
    while step <= steps:
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # MLflow has set it to the one before
        project = copied(finished, tmp_path / str(step))
        shutil.copy(tmp_path / "empty.db", project.folder / "mlflow.db")
        with chdir(project.folder):
            run = this_run()
        points = [("smooth_loss", update, value) for update, value in run.curves["smooth_loss"].items()]
        a_training(project, run.results, points)
        taken = killed_after(step, project.folder, shown)
        steps = taken if step == 0 else steps
        with chdir(project.folder):
            put(this_run())
            sent()
        (run,) = project.runs()
        client = project.client()
        holds_what_the_files_hold(project, client, run)
        assert len(json.loads(run.data.tags["charloom.trainings"])) == 1, step
        assert run.data.tags["charloom.reproductions"] == "0", step
        assert len(client.search_model_versions("")) == 1, step
        assert len(client.search_logged_models([run.info.experiment_id])) == len(model_names(project)), step
        assert not waiting(project), step
        shutil.rmtree(project.folder)
        step += 1
    print("steps:", steps)
    assert steps > 30
