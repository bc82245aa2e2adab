"""A checkout may have any name: its MLflow store is its own, and works."""

import time
from contextlib import chdir

import pytest
from projects import said
from sqlalchemy.engine import make_url

from charloom.tracking.address import address, database

BEST = ("--model", "models:/charloom-fox@best", "--length", "20")


@pytest.mark.parametrize("name", [*"?%#'\",;&=@:[]{}\\ ü\n", "%41", "%3F", "漢"])
@pytest.mark.parametrize("given", ["", "sqlite:///mlflow.db", "sqlite+pysqlite:///mlflow.db?timeout=9"])
def test_an_address_is_read_as_it_was_written(name, given, tmp_path, monkeypatch):
    folder = tmp_path / f"a{name}b"
    folder.mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    with chdir(folder):
        file, uri = database(), address()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)  # as a child gets it
        assert (database(), address()) == (file, uri)
    assert make_url(uri).database == str(file) == str(folder / "mlflow.db")
    assert dict(make_url(uri).query) == ({"timeout": "9"} if "?" in given else {})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "unable to open"), (b"no database, but long enough to be one" * 30, "is not a database")],
    ids=["a folder", "another file"],
)
@pytest.mark.parametrize("command", [("sample", *BEST), ("ui", "--port", "5000")], ids=["sample", "ui"])
def test_a_store_that_cannot_be_opened_says_so_at_once(project, command, content, words, tmp_path, monkeypatch):
    (project.folder / "mlflow.db").unlink()
    for file in (project.folder / "mlflow.db", tmp_path / "another.db"):
        file.mkdir() if content is None else file.write_bytes(content)
        began = time.monotonic()
        printed, complaint = said(project, *command, code=5)
        assert (printed, complaint.count("\n")) == ("", 1)
        assert words in complaint
        assert time.monotonic() - began < 60  # MLflow alone tries it for 100 s, each time
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/another.db")
