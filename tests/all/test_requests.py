"""What a run asks of a server: few requests, so that a slow one has it in time, and a short outage fails nothing."""

import json
import time

from mlflow_project import holds_what_the_files_hold, model_names, reproduced, trained, waiting
from projects import Project, copied, started
from stores import before, certified

from charloom.tracking.tag import RECORD

FILES, MODEL_FILES = 28, 9  # of a run without a patch; of a model


def track(project: Project, address: str, **variables: str) -> str:
    return project.run("charloom", "track", MLFLOW_TRACKING_URI=address, **variables)


def complete(project: Project, address: str):
    """Return the server's only run, which holds what the project's files hold."""
    (run,) = project.runs(address)
    holds_what_the_files_hold(project, project.client(address), run)
    return run


def test_a_run_takes_few_requests_and_sends_nothing_twice(finished, tmp_path, server):
    first, second = copied(finished, tmp_path / "first"), copied(finished, tmp_path / "second")
    second.set(seed=2)
    second.run("dvc", "repro", MLFLOW_TRACKING_URI="sqlite:///elsewhere.db")
    client = second.client(server.uri)
    client.create_experiment("another text's", tags={"charloom.text_sha256": "0" * 64})
    with before(server.uri) as (address, asked):
        track(first, address)
        files, models = sum("/artifacts/" in path for path in asked), len(model_names(first))
        print(len(asked), "requests")
        assert files == FILES + MODEL_FILES * models
        # The first of a text makes an experiment, and a name for its models.
        assert len(asked) - files <= 24 + 2 * models
        asked.clear()
        track(second, address)
        assert len(asked) - files <= 22 + 2 * models
        assert len({path for path in asked if path.startswith("PUT")}) == sum(path.startswith("PUT") for path in asked)
        asked.clear()
        track(second, address)
        assert len(asked) <= 10
    for project, run in zip((second, first), second.runs(server.uri), strict=True):
        holds_what_the_files_hold(project, client, run)
        of_it = f"run_id = '{run.info.run_id}'"
        (version,) = client.search_model_versions(of_it)
        models = client.search_logged_models([run.info.experiment_id], f"source_{of_it}")
        shown = [model.tags["mlflow.modelVersions"] for model in models if "mlflow.modelVersions" in model.tags]
        assert shown == [json.dumps([{"name": version.name, "version": int(version.version)}])]


def test_a_server_without_logged_models_has_them_as_artifacts(project, server):
    with before(server.uri, refused=("/logged-models", 404)) as (address, _):
        track(project, address)
        (run,) = project.runs(server.uri)
        client = project.client(server.uri)
        assert run.info.status == "FINISHED"
        assert not client.search_logged_models([run.info.experiment_id])
        folders = {file.path for file in client.list_artifacts(run.info.run_id, "models")}
        assert folders == {f"models/{name}" for name in model_names(project)}
        (version,) = client.search_model_versions("")
        (checkpoint, *_) = sorted(project.folder.glob("models/checkpoints/*"))
        for in_mlflow, file in (
            ("models:/charloom-fox@best", "models/best.npz" if "lowest" in version.source else "models/last.npz"),
            (f"runs:/{run.info.run_id}/models/{model_names(project)[0]}", str(checkpoint)),
        ):
            ours = project.run("charloom", "sample", "--model", file)
            assert project.run("charloom", "sample", "--model", in_mlflow, MLFLOW_TRACKING_URI=address) == ours


def test_a_run_whose_model_may_not_be_registered_is_complete_all_the_same(project, server):
    """Somebody else's registered model has the name of our text's file, and we may not write to it."""
    with before(server.uri, refused=("/model-versions/create", 403)) as (address, _):
        assert "the best model is not registered: " in track(project, address)
    complete(project, server.uri)


def test_seconds_without_the_database_fail_nothing(project, server):
    """It is away for a second after 12 answers."""
    moments, back, answered = [12], 0.0, 0

    def fails(_: int) -> bool:
        nonlocal back, answered
        if moments and answered >= moments[0]:
            moments.pop(0)
            back = time.monotonic() + 1
        away = time.monotonic() < back
        answered += not away
        return away

    with before(server.uri, 0.2, fails) as (address, _):
        track(project, address)
    assert not moments
    complete(project, server.uri)


def test_an_object_created_despite_a_lost_response_is_not_created_again(project, server):
    with before(server.uri, lost=("/runs/create", "/logged-models", "/model-versions/create")) as (address, _):
        for _ in range(len(model_names(project)) + 2):  # each attempt finds what the earlier ones have created
            project.run("charloom", "track", expect=None, MLFLOW_TRACKING_URI=address)
    assert not waiting(project)
    run = complete(project, server.uri)
    client, of_it = project.client(server.uri), f"run_id = '{run.info.run_id}'"
    models = client.search_logged_models([run.info.experiment_id], f"source_{of_it}")
    assert sorted(model.name for model in models) == sorted(model_names(project))
    assert len(client.search_model_versions(of_it)) == 1


def test_a_model_that_is_no_artifact_of_its_run_is_a_line(project, server):
    track(project, server.uri)
    address = f"runs:/{complete(project, server.uri).info.run_id}/models/last"
    line = project.run("charloom", "sample", "--model", address, expect=2, MLFLOW_TRACKING_URI=server.uri)
    assert line.startswith(f"--model: {address}: 404 ")


def test_a_group_with_a_certificate_of_its_own(project, tmp_path, server):
    file = tmp_path / "certificate.pem"
    with before(server.uri, secure=certified(file)) as (address, _):
        said = project.run("charloom", "track", expect=5, MLFLOW_TRACKING_URI=address)
        assert "certificate verify failed" in said
        track(project, address, MLFLOW_TRACKING_SERVER_CERT_PATH=str(file))
    complete(project, server.uri)


def test_people_who_create_a_store_at_once_lose_no_training(finished, tmp_path):
    people = [copied(finished, tmp_path / name) for name in ("ann", "bob", "cem")]
    store = f"sqlite:///{tmp_path}/mlflow.db"
    ids = {trained(project).id for project in people}
    at_work = [started(project, "charloom", "track", MLFLOW_TRACKING_URI=store) for project in people]
    codes = [process.wait(300) for process in at_work]
    assert not any(codes), [project.log() for project in people]
    runs, client = people[0].runs(store), people[0].client(store)
    for run in runs:
        holds_what_the_files_hold(people[0], client, run)
    assert {run.data.tags[RECORD] for run in runs} | {number for run in runs for number in reproduced(run)} == ids
