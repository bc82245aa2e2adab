"""What a run asks of a server: few requests, so that a slow one has it in time, and a short outage fails nothing."""

import json
import time

import pytest
from projects import copied
from recorded import holds_what_the_files_hold, model_names
from stores import before, certified

FILES, MODEL_FILES = 28, 7  # of a run without a patch; of a model
SECOND = 0.7  # seconds a request, as a server takes that checks each password anew


def track(project, address: str) -> str:
    return project.run("charloom", "track", MLFLOW_TRACKING_URI=address)


def test_a_run_takes_few_requests_and_sends_nothing_twice(finished, tmp_path, server):
    first, second = copied(finished, tmp_path / "first"), copied(finished, tmp_path / "second")
    second.edit("params.yaml", "seed: 1 ", "seed: 2 ")
    second.run("dvc", "repro", MLFLOW_TRACKING_URI="sqlite:///elsewhere.db")
    client = second.client(server.uri)
    client.create_experiment("another text's", tags={"charloom.text_sha256": "0" * 64})
    with before(server.uri) as (address, asked):
        track(first, address)
        files = sum("/artifacts/" in path for path in asked)
        models = len(model_names(first))
        assert files == FILES + MODEL_FILES * models
        assert (
            len(asked) - files <= 23 + 2 * models
        )  # the first of a text makes an experiment, and a name for its models
        asked.clear()
        track(second, address)
        assert len(asked) <= 22 + 2 * models + files
        assert len({path for path in asked if path.startswith("PUT")}) == sum(path.startswith("PUT") for path in asked)
        asked.clear()
        track(second, address)
        assert len(asked) <= 10
    runs = second.runs(server.uri)
    assert len(runs) == 2
    for project, run in zip((second, first), runs, strict=True):
        holds_what_the_files_hold(project, client, run)
        of_it = f"run_id = '{run.info.run_id}'"
        (version,) = client.search_model_versions(of_it)
        models = client.search_logged_models([run.info.experiment_id], f"source_{of_it}")
        shown = {each.name: each.tags.get("mlflow.modelVersions") for each in models}
        version_of = json.dumps([{"name": version.name, "version": int(version.version)}])
        assert [each for each in shown.values() if each] == [version_of]


def test_a_whole_run_reaches_a_slow_server_without_a_warning(finished, tmp_path, server):
    project = copied(finished, tmp_path / "slow")
    with before(server.uri, SECOND) as (address, _):
        said = project.run("dvc", "repro", "--force", MLFLOW_TRACKING_URI=address)
    assert "warning" not in said
    (run,) = project.runs(server.uri)
    holds_what_the_files_hold(project, project.client(server.uri), run)


def test_on_a_server_that_removes_no_tags_of_experiments_no_sender_counts_after_its_end(finished, tmp_path, server):
    first, second = copied(finished, tmp_path / "first"), copied(finished, tmp_path / "second")
    with before(server.uri, unknown="/delete-experiment-tag") as (address, _):
        for project in (first, second):
            assert "warning" not in track(project, address)
    (run,) = first.runs(server.uri)
    tags = first.client(server.uri).get_experiment(run.info.experiment_id).tags
    assert {value.rpartition(" ")[2] for tag, value in tags.items() if tag.startswith("charloom.sending")} == {"0"}


def test_a_server_without_logged_models_has_them_as_artifacts(finished, tmp_path, server):
    project = copied(finished, tmp_path / "old")
    with before(server.uri, unknown="/logged-models") as (address, _):
        assert "ok  models" in project.run("charloom", "doctor", MLFLOW_TRACKING_URI=address)
        said = track(project, address)
        assert said.count("the server has no LoggedModels") == 1
        (run,) = project.runs(server.uri)
        client = project.client(server.uri)
        assert run.info.status == "FINISHED"
        assert run.data.tags["charloom.checkpoints"] == str(len(model_names(project)) - 2)
        assert not client.search_logged_models([run.info.experiment_id])
        folders = {file.path for file in client.list_artifacts(run.info.run_id, "models")}
        assert folders == {f"models/{name}" for name in model_names(project)}
        (version,) = client.search_model_versions("")
        checkpoints = (str(file) for file in sorted(project.folder.glob("models/checkpoints/*")))
        options = ["--length", "30", "--seed", "1"]
        for address_in_mlflow, file in (
            ("models:/charloom-fox@best", "models/best.npz" if "lowest" in version.source else "models/last.npz"),
            (f"runs:/{run.info.run_id}/models/{model_names(project)[0]}", next(checkpoints)),
        ):
            ours = project.run("charloom", "sample", "--model", file, *options)
            theirs = project.run(
                "charloom", "sample", "--model", address_in_mlflow, *options, MLFLOW_TRACKING_URI=address
            )
            assert theirs == ours


@pytest.mark.parametrize("moment", [1, 5, 9, 20, 30])
def test_a_second_without_the_database_fails_nothing(finished, tmp_path, server, moment):
    project, since = copied(finished, tmp_path / "outage"), []

    def fails(number: int) -> bool:
        if number == moment:
            since.append(time.monotonic())
        return bool(since) and time.monotonic() - since[0] < 1

    with before(server.uri, fails=fails) as (address, _):
        track(project, address)
    (run,) = project.runs(server.uri)
    holds_what_the_files_hold(project, project.client(server.uri), run)


def test_what_a_proxy_finds_too_large_is_said_and_waits(finished, tmp_path, server):
    """nginx, as it comes, takes 1 MB; the models of 512 units have 2.6."""
    project = copied(finished, tmp_path / "large")
    project.edit("params.yaml", "m: 8", "m: 512")
    project.edit("params.yaml", "entries: 10000", "entries: 10")
    with before(server.uri, largest=2**20) as (address, _):
        said = project.run("dvc", "repro", MLFLOW_TRACKING_URI=address)
        assert "warning: MLflow not updated (a request is too large for the server, or a proxy before it" in said
        assert "client_max_body_size" in project.run("charloom", "doctor", expect=1, MLFLOW_TRACKING_URI=address)
    with before(server.uri, largest=200 * 2**20) as (address, _):
        track(project, address)
    (run,) = project.runs(server.uri)
    holds_what_the_files_hold(project, project.client(server.uri), run)


def test_a_group_with_a_certificate_of_its_own(finished, tmp_path, server):
    project, file = copied(finished, tmp_path / "secure"), tmp_path / "certificate.pem"
    with before(server.uri, secure=certified(file)) as (address, _):
        said = project.run("charloom", "track", expect=5, MLFLOW_TRACKING_URI=address)
        assert "set MLFLOW_TRACKING_SERVER_CERT_PATH to the file" in said
        project.run("charloom", "track", MLFLOW_TRACKING_URI=address, MLFLOW_TRACKING_SERVER_CERT_PATH=str(file))
    (run,) = project.runs(server.uri)
    holds_what_the_files_hold(project, project.client(server.uri), run)
