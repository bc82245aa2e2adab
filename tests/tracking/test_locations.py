"""A checkout may be moved, copied and have any name: its MLflow store is its own, and works."""

import json
import os
import re
import shutil
import sqlite3
import time
from contextlib import chdir, closing

import pytest
from mlflow_project import tracked
from projects import Project, said
from sqlalchemy.engine import make_url

from charloom.tracking.address import address, database, relocate_store

ODD = 'it\'s 100 %41? #1, "ü" a@b:c'
BEST = ("--model", "models:/charloom-fox@best", "--length", "20")


def named(file) -> set[str]:
    """Return every address of a file in the database, whatever table it stands in."""
    with closing(sqlite3.connect(file)) as connection:
        return set(re.findall("file:[^'\"]*", "\n".join(connection.iterdump())))


def stored(project) -> dict[str, bytes]:
    """Return every file of the project's store."""
    files = [project.folder / "mlflow.db", *(project.folder / "mlartifacts").rglob("*")]
    return {str(file): file.read_bytes() for file in files if file.is_file()}


def went(project, folder) -> Project:
    """Return the project after its move to the folder, as a new process meets it."""
    project.folder.rename(folder)
    os.environ.pop("MLFLOW_TRACKING_URI", None)  # MLflow has put it there
    return Project(folder)


@pytest.mark.slow
def test_a_copy_writes_into_its_own_store_and_says_once_that_it_is_a_copy(project, tmp_path, capsys):
    tracked(project)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    capsys.readouterr()
    before = stored(project)
    copy = Project(tmp_path / ODD)
    shutil.copytree(project.folder, copy.folder, symlinks=True)
    (copy.folder / "metrics/results.json").write_text(json.dumps({"results": "f" * 64}))  # another run
    with chdir(copy.folder):
        relocate_store()
        line = f"mlflow.db was created in {project.folder}: its paths now name this folder\n"
        assert capsys.readouterr().err == line
        tracked(copy)
        relocate_store()
        uri = address()
    assert "was created in" not in capsys.readouterr().err
    assert stored(project) == before
    homes = named(copy.folder / "mlflow.db")
    assert len(homes) > 4
    assert not [home for home in homes if project.folder.name in home]
    runs = copy.runs(uri)
    assert len(runs) == 2
    for run in runs:
        assert (copy.folder / "mlartifacts" / run.info.run_id / "artifacts/dvc.lock").is_file()


@pytest.mark.slow
def test_a_checkout_that_was_moved_reads_its_own_models(project, tmp_path):
    tracked(project)
    first = project.folder
    expected, _ = said(project, "sample", "--length", "20")
    moved, line = went(project, tmp_path / ODD), "mlflow.db was created in {}: its paths now name this folder\n"
    assert said(moved, "sample", *BEST) == (expected, line.format(first))
    assert said(moved, "sample", *BEST) == (expected, "")
    assert said(went(moved, first), "sample", *BEST) == (expected, line.format(moved.folder))
    assert list(tmp_path.iterdir()) == [first]


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
def test_a_store_of_another_place_is_left_alone(project, tmp_path, monkeypatch, capsys):
    tracked(project)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    other = tmp_path / "other.db"
    shutil.copy(project.folder / "mlflow.db", other)
    moved = went(project, tmp_path / "moved")
    before, ours = other.read_bytes(), moved.folder / "mlflow.db"
    assert before == ours.read_bytes()
    with chdir(moved.folder):
        with monkeypatch.context() as patch:
            patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{other}")
            relocate_store()
        assert ours.read_bytes() == before
        ours.unlink()
        ours.symlink_to(other)
        relocate_store()
    assert other.read_bytes() == before
    assert "was created in" not in capsys.readouterr().err


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
