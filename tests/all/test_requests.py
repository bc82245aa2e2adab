"""What a run asks of a server: few requests, so that a slow one has it in time, and a short outage fails nothing."""

import json
import time
from contextlib import suppress

import pytest
from projects import Project, copied
from recorded import holds_what_the_files_hold, model_names
from stores import before, certified

FILES, MODEL_FILES = 26, 7  # of a run without a patch; of a model


def track(project: Project, address: str, **variables: str) -> str:
    return project.run("charloom", "track", MLFLOW_TRACKING_URI=address, **variables)


@pytest.fixture
def here(finished, tmp_path) -> Project:
    return copied(finished, tmp_path / "here")


@pytest.fixture
def complete(here, server):
    """A function that returns the server's only run, which holds what the files of `here` hold."""

    def check():
        (run,) = here.runs(server.uri)
        holds_what_the_files_hold(here, here.client(server.uri), run)
        return run

    return check


def test_a_run_takes_few_requests_and_sends_nothing_twice(finished, tmp_path, server):
    first, second = copied(finished, tmp_path / "first"), copied(finished, tmp_path / "second")
    second.edit("params.yaml", "seed: 1 ", "seed: 2 ")
    second.run("dvc", "repro", MLFLOW_TRACKING_URI="sqlite:///elsewhere.db")
    client = second.client(server.uri)
    client.create_experiment("another text's", tags={"charloom.text_sha256": "0" * 64})
    with before(server.uri) as (address, asked):
        track(first, address)
        files, models = sum("/artifacts/" in path for path in asked), len(model_names(first))
        assert files == FILES + MODEL_FILES * models
        # The first of a text makes an experiment, and a name for its models.
        assert len(asked) - files <= 23 + 2 * models
        asked.clear()
        track(second, address)
        assert len(asked) - files <= 21 + 2 * models
        assert len({path for path in asked if path.startswith("PUT")}) == sum(path.startswith("PUT") for path in asked)
        asked.clear()
        track(second, address)
        assert len(asked) <= 10
    for project, run in zip((second, first), second.runs(server.uri), strict=True):
        holds_what_the_files_hold(project, client, run)
        of_it = f"run_id = '{run.info.run_id}'"
        (version,) = client.search_model_versions(of_it)
        models = client.search_logged_models([run.info.experiment_id], f"source_{of_it}")
        shown = {model.name: model.tags.get("mlflow.modelVersions") for model in models}
        version_of = json.dumps([{"name": version.name, "version": int(version.version)}])
        assert [versions for versions in shown.values() if versions] == [version_of]


def test_a_run_reaches_a_slow_server_that_takes_longer_in_all_than_may_pass_without_progress(here, server, complete):
    here.edit("src/track.py", "SENDING_MAY_TAKE = 45", "SENDING_MAY_TAKE = 15")
    began = time.monotonic()
    with before(server.uri, 0.2) as (address, _):
        assert "warning" not in here.run("python", "src/track.py", MLFLOW_TRACKING_URI=address)
    assert time.monotonic() - began > 15
    complete()


def test_seconds_without_the_database_fail_nothing(here, server, complete):
    """It is away for a second from each of these requests on."""
    moments, back = [1, 9, 20, 35, 50], [0.0]

    def fails(number: int) -> bool:
        with suppress(ValueError):
            moments.remove(number)
            back[0] = time.monotonic() + 1
        return time.monotonic() < back[0]

    with before(server.uri, fails=fails) as (address, _):
        track(here, address)
    assert not moments
    complete()


def test_what_a_proxy_finds_too_large_is_said_and_waits(here, server, complete):
    with before(server.uri, largest=10_000) as (address, _):
        said = here.run("charloom", "track", expect=5, MLFLOW_TRACKING_URI=address)
        assert "not everything was sent to MLflow (a request is too large for the server, or a proxy before it" in said
        assert "client_max_body_size" in here.run("charloom", "doctor", expect=1, MLFLOW_TRACKING_URI=address)
    track(here, server.uri)
    complete()


def test_a_group_with_a_certificate_of_its_own(here, tmp_path, server, complete):
    file = tmp_path / "certificate.pem"
    with before(server.uri, secure=certified(file)) as (address, _):
        said = here.run("charloom", "track", expect=5, MLFLOW_TRACKING_URI=address)
        assert "set MLFLOW_TRACKING_SERVER_CERT_PATH to the file" in said
        track(here, address, MLFLOW_TRACKING_SERVER_CERT_PATH=str(file))
    complete()
