"""What a hostile server, a strange name or a strange text could do, and may not."""

import pytest
from mlflow.exceptions import MlflowException
from stores import answering, free_port

from charloom.pages.samples_page import samples_page
from charloom.results.records import Quality, Sample, SampleTable
from charloom.tracking import live, pending
from charloom.tracking import store as tracking


def test_credentials_are_not_told(project, monkeypatch):
    gone = f"127.0.0.1:{free_port()}"
    with answering(401, body=b"who are you?") as (address, _):
        for secret in (
            {"MLFLOW_TRACKING_URI": f"http://anna:ses/ame@{gone}"},
            {"MLFLOW_TRACKING_URI": address.replace("//", "//anna:sesame@")},
            {"MLFLOW_TRACKING_URI": address, "MLFLOW_TRACKING_USERNAME": "anna", "MLFLOW_TRACKING_PASSWORD": "sesame"},
            {"MLFLOW_TRACKING_URI": f"postgresql+psycopg2://anna:sesame@{gone}/charloom"},
        ):
            printed = project.run("python", "src/track.py", **secret)
            printed += project.run("charloom", "track", expect=5, **secret)
            assert printed.count("warning: MLflow not updated") == 1
            assert "Traceback" not in printed
            assert "sesame" not in printed
            assert "ses/ame" not in printed
            for name, value in secret.items():
                monkeypatch.setenv(name, value)
            password = secret.get("MLFLOW_TRACKING_PASSWORD")
            told = live.first_line(f"API request to {secret['MLFLOW_TRACKING_URI']}/api failed: {password}")
            assert "sesame" not in told
            assert "ses/ame" not in told
            for name in secret:
                monkeypatch.delenv(name)
    for path in (project.folder / ".charloom").rglob("*"):
        assert path.is_dir() or b"sesame" not in path.read_bytes()


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
def test_artifacts_go_nowhere_but_to_the_store_itself(store, refused, allowed, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    tracking.Store().check_artifacts(allowed)
    for uri in refused:
        with pytest.raises(MlflowException, match="allowed is"):
            tracking.Store().check_artifacts(uri)
    monkeypatch.setenv("CHARLOOM_ARTIFACT_SCHEME", "s3")
    tracking.Store().check_artifacts("s3://bucket/x")


@pytest.mark.parametrize("name", ["a\nb", "a/b", "", "a b", "ä"])
def test_a_name_that_mlflow_could_not_show_is_refused(name):
    with pytest.raises(ValueError, match="cannot name a metric"):
        tracking.Store().send(None, {name: {0: 1.0}})


def test_a_text_cannot_act_as_html():
    table = SampleTable(data=[("best model", "<script>alert('1')</script> & \x1b]0;\u202e", 7, 1.5)])
    page = samples_page(table, Sample(checkpoints={}, best=Quality(known_words=0.5, longest_copy=3)))
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt; &amp;" in page
    assert not {"\x1b", "\u202e"} & set(page)


def test_a_note_that_cannot_be_written_fails_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    (tmp_path / ".charloom").write_text("a file where a folder belongs")
    pending.trained("f" * 64)
    pending.missed("f" * 64)
    pending.done("f" * 64, [])
