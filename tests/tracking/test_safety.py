"""What a hostile server or a strange name could do, and may not. More servers are in tests/all/test_outages.py."""

from types import SimpleNamespace

import pytest
from hostile import Mlflow, hostile
from mlflow.exceptions import MlflowException
from mlflow_project import tracked
from projects import said
from stores import answering, free_port

from charloom.core.base.errors import Unavailable
from charloom.core.base.storage import sha256
from charloom.tracking.address import database, page_address
from charloom.tracking.reasons import MAX_LENGTH, first_line
from charloom.tracking.store import Store, connected, run_page


@pytest.mark.slow
def test_credentials_are_not_told(project, monkeypatch):
    gone = f"127.0.0.1:{free_port()}"
    with answering(401, body=b"who are you?") as (address, _):
        for secret in (
            {"MLFLOW_TRACKING_URI": f"http://anna:ses/ame@{gone}"},
            {"MLFLOW_TRACKING_URI": address.replace("//", "//anna:sesame@")},
            {"MLFLOW_TRACKING_URI": address, "MLFLOW_TRACKING_USERNAME": "anna", "MLFLOW_TRACKING_PASSWORD": "sesame"},
            {"MLFLOW_TRACKING_URI": f"{address}/?token=sesame"},
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


@pytest.mark.parametrize("uri", ["file:///data/x", "/data/x"])
def test_nothing_is_uploaded_to_a_folder_of_this_machine_that_a_server_names(uri, monkeypatch, tmp_path):
    with hostile(lambda _: None, Mlflow()) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with pytest.raises(MlflowException, match="names the folder"):
            Store().upload(tmp_path, uri)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://anna:sesame@h:5/x/?token=sesame#sesame", "https://h:5/x"),
        ("http://h/;token=sesame", "http://h/;token=***"),
        ("http://h/\x1b[31m", r"http://h/\x1b[31m"),
    ],
)
def test_a_servers_address_is_shown_without_credentials_and_escapes(monkeypatch, address, shown):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert page_address() == shown
    run = SimpleNamespace(info=SimpleNamespace(experiment_id="1", run_id="a\x1b/b"))
    assert run_page(run) == "#/experiments/1/runs/a%1B%2Fb?workflowType=machine_learning"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("postgresql://h/db?ssl=no&password=sesame", "no connection to postgresql://h/db?ssl=no&password=sesame"),
        ("http://h/?api_key=sesame", "(Max retries exceeded with url: /?api_key=sesame&page=2)"),
        ("http://h/", "301: elsewhere://h/?token=sesame;other=sesame#sesame?x=sesame"),
        ("http://anna:s%40sam%2Fe@h/", "anna:s@sam/e and s%40sam%2Fe"),
        ("oracle:anna:sesame@h", "no driver for oracle:anna:sesame@h"),
    ],
)
def test_no_value_of_an_address_is_told(address, message, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    told = first_line(message)
    for secret in ("sesame", "s%40sam", "s@sam"):
        assert secret not in told.replace("#sesame", "")
    assert "***" in told


@pytest.mark.slow
def test_a_wrong_address_gets_a_line_without_its_password(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://anna:ses[ame@h:5000")
    with pytest.raises(Unavailable, match=r"^MLFLOW_TRACKING_URI is not an address; a password needs %5B"):
        database()
    address = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(Unavailable) as raised, connected():
        pass
    assert str(raised.value) == f"API request to {address}/api/2.0/mlflow/experiments/search: Connection refused"


def test_a_reason_is_a_line_of_some_length_that_acts_on_nothing():
    told = first_line("\x1b[31m\u202e\u200f\t" + "x" * 10**7 + "\nsecond")
    assert told.startswith("\\x1b[31m\\u202e\\u200f\\tx")
    assert len(told) < 2 * MAX_LENGTH


@pytest.mark.slow
def test_the_printed_address_of_a_server_has_no_credentials_and_no_escapes(finished, monkeypatch):
    store = Mlflow(experiment="7\x1b[31m", text=sha256(finished.folder / "data/fox.txt"))
    with hostile(lambda _: None, store) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{address.replace('//', '//anna:sesame@')}/?token=sesame")
        printed, complaint = said(finished, "ui")
    assert printed.startswith(f"open {address}/#/experiments/7%1B%5B31m/runs?")
    assert (printed.count("\n"), printed.count("/7%1B%5B31m/"), complaint) == (1, 1, "")


def test_a_name_with_escapes_and_direction_marks_is_shown_as_it_is_written(project):
    name = "data/a\x1b[31mred\u202eb\u200f.txt"
    (project.folder / "data/fox.txt").rename(project.folder / name)
    project.edit("params.yaml", "data/fox.txt", '"data/a\\e[31mred\\u202eb\\u200f.txt"')
    printed = project.stage("prepare")
    assert printed.startswith("data/a\\x1b[31mred\\u202eb\\u200f.txt: 2,240 characters")
    tracked(project)
    (run,) = project.runs()
    (model,) = project.client().search_registered_models()
    shown = [run.info.run_name, *run.data.params.values(), *run.data.tags.values(), dict(model)]
    assert run.data.params["prepare.text"] == printed.partition(":")[0]
    assert not {"\x1b", "\u202e", "\u200f"} & set("".join(map(str, shown)))
