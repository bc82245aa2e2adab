"""What a hostile server or a strange name could do, and may not."""

from contextlib import chdir

import pytest
from mlflow.exceptions import MlflowException
from recorded import tracked
from stores import answering, free_port

from charloom.base.errors import Unavailable
from charloom.tracking.messages import first_line
from charloom.tracking.store import Store


def test_credentials_are_not_told(project, monkeypatch):
    gone = f"127.0.0.1:{free_port()}"
    with answering(401, body=b"who are you?") as (address, _):
        for secret in (
            {"MLFLOW_TRACKING_URI": f"http://anna:ses/ame@{gone}"},
            {"MLFLOW_TRACKING_URI": address.replace("//", "//anna:sesame@")},
            {"MLFLOW_TRACKING_URI": address, "MLFLOW_TRACKING_USERNAME": "anna", "MLFLOW_TRACKING_PASSWORD": "sesame"},
            {"MLFLOW_TRACKING_URI": f"postgresql+psycopg2://anna:sesame@{gone}/charloom"},
        ):
            with monkeypatch.context() as patch:
                for name, value in secret.items():
                    patch.setenv(name, value)
                with pytest.raises(Unavailable) as raised:
                    tracked(project)
                password = secret.get("MLFLOW_TRACKING_PASSWORD")
                told = first_line(f"API request to {secret['MLFLOW_TRACKING_URI']}/api failed: {password}")
            for line in (str(raised.value), told):
                assert "\n" not in line
                assert "sesame" not in line
                assert "ses/ame" not in line
    kept = [path.read_bytes() for path in (project.folder / ".charloom").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"sesame" in content or b"ses/ame" in content for content in kept)


@pytest.mark.parametrize(
    ("store", "refused", "allowed"),
    [
        (
            "http://127.0.0.1:9",
            ["file:///data/x", "/data/x", "s3://x", "mlflow-artifacts://other:9/x"],
            "mlflow-artifacts:/x",
        ),
        ("sqlite:////data/x.db", ["s3://x", "mlflow-artifacts:/x", "http://127.0.0.1:9/x"], "file:///data/x"),
    ],
)
def test_artifacts_go_nowhere_but_to_the_store_itself_and_come_from_nowhere_else(
    store, refused, allowed, monkeypatch, tmp_path
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    Store().check_artifacts(allowed)
    for uri in refused:
        for use in (
            lambda uri: Store().upload(tmp_path, uri),
            lambda uri: Store().download(uri, "model.npz", tmp_path),
        ):
            with pytest.raises(MlflowException, match="allowed is"):
                use(uri)
    monkeypatch.setenv("CHARLOOM_ARTIFACT_SCHEME", "s3")
    Store().check_artifacts("s3://bucket/x")


@pytest.mark.parametrize("name", ["a\nb", "a/b", "", "a b", "ä"])
def test_a_name_that_mlflow_could_not_show_is_refused(name):
    with pytest.raises(ValueError, match="cannot name a metric"):
        Store().send(None, {name: {0: 1.0}}, {})


def test_a_relative_database_is_one_of_the_main_repository(project, monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///team.db")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with chdir(project.folder):
        assert Store().uri == f"sqlite:///{tmp_path}/team.db"
