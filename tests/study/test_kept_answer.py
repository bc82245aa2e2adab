"""An answer is said again without more ado where nothing has changed, and only there."""

import json
from contextlib import chdir

import pytest
from projects import copied
from study_projects import ask

from charloom.base.errors import Unavailable
from charloom.commands import cli
from charloom.study import kept_answer
from charloom.study.kept_answer import KeptAnswer

FILES = (
    "studies/x.yaml", "studies/x/asked.json", "studies/x/trials.csv", "studies/x/curves.csv", "studies/x/passages.csv",
    "studies/x/report.html",
    "studies/other.yaml", "studies/other/trials.csv", "studies/other/report.html",
    "studies/index.html", "params.yaml", "signature.json", "data/my.txt", ".charloom/studies/x.sent", "mlflow.db",
    "sources/a.py",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(kept_answer, "root", lambda: tmp_path)
    monkeypatch.setattr(kept_answer, "SOURCES", tmp_path / "sources")
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"text": "data/my.txt"}) if name.endswith("asked.json") else name)
    return tmp_path


def an_answer(*options):
    return KeptAnswer(kept_answer.Path("studies/x.yaml"), *(options or (80, False)))


def test_it_is_said_again_where_nothing_has_changed(folder):
    assert an_answer().again() is None
    an_answer().keep("said", "warned")
    assert an_answer().again() == ("said", "warned")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["edited", "removed"])
def test_any_edit_ends_that(folder, name, how):
    an_answer().keep("said", "")
    if how == "removed":
        (folder / name).unlink()
    elif name == "mlflow.db":  # each run edits it: another file under its name is another store
        (folder / "other.db").write_text("another")
        (folder / "other.db").replace(folder / name)
    else:
        (folder / name).write_text((folder / name).read_text().replace("x", "y") + " ")
    assert an_answer().again() is None


def test_so_does_an_edit_while_the_command_runs(folder):
    answer = an_answer()
    (folder / "params.yaml").write_text("eta: 2")
    answer.keep("said", "")
    assert an_answer().again() is None


@pytest.mark.parametrize("content", ["", "[", "{}", "[]", '{"options": 1}'])
def test_a_damaged_note_is_none(folder, content):
    an_answer().keep("said", "")
    (folder / ".charloom/studies/x.answer").write_text(content)
    assert an_answer().again() is None


def test_other_options_another_store_and_other_libraries_have_answers_of_their_own(folder, monkeypatch):
    an_answer().keep("said", "")
    assert an_answer(120, False).again() is None
    assert an_answer(80, True).again() is None
    for name in ("MLFLOW_TRACKING_URI", "NUMBA_CPU_NAME"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "http://127.0.0.1:1")
            assert an_answer().again() is None
    monkeypatch.setattr(kept_answer.sysconfig, "get_path", lambda _: str(folder / "sources"))
    assert an_answer().again() is None


@pytest.mark.slow
def test_an_answer_that_the_store_has_not_got_is_not_kept(finished, tmp_path, monkeypatch, capsys):
    project = copied(finished, tmp_path / "project")
    ask(project, "vary: {eta: [0.1, 0.05]}\nbaseline: {}\nseeds: 2\nmeasure: held_out_bits_per_character\n")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setattr("sys.argv", ["charloom", "study", "studies/a.yaml", "--jobs", "1"])
    monkeypatch.setattr("charloom.tracking.study_delivery.deliver", refused)
    for _ in range(3):
        with chdir(project.folder), pytest.raises(SystemExit):
            cli.main()
        assert "the study was not sent to MLflow" in capsys.readouterr().err


def refused(*_, **__):
    raise Unavailable("refused")


WITHOUT = """
import sys
from charloom.commands.cli import main
try:
    main()
finally:
    assert not sys.modules.keys() & {"numba", "scipy", "mlflow", "matplotlib"}
"""


@pytest.mark.slow
def test_the_command_says_it_again_without_what_takes_time(finished, tmp_path, monkeypatch, capsys):
    project = copied(finished, tmp_path / "project")
    ask(project, "vary: {eta: [0.1, 0.05]}\nbaseline: {}\nseeds: 2\nmeasure: held_out_bits_per_character\n")

    def study():
        monkeypatch.setattr("sys.argv", ["charloom", "study", "studies/a.yaml", "--jobs", "1"])
        with chdir(project.folder), pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0
        return capsys.readouterr().out

    study()
    before = study()
    monkeypatch.setattr("charloom.commands.study_anew.answer_study", None)
    assert study() == before
    asked = ("study", "studies/a.yaml", "--jobs", "1")
    assert project.run("charloom", *asked) == project.run("python", "-c", WITHOUT, *asked)
    project.edit("params.yaml", "eta: 0.1", "eta: 0.2")
    with pytest.raises(TypeError):
        study()
