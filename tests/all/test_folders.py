"""A checkout as users have it: of any name, moved, without activation, without Git; whole, with real commands."""

import shutil
import sys
import urllib.request
from pathlib import Path

import pytest
from projects import Project, started, until
from stores import free_port

ODD = ["a?b", "a%41b", "a#b", 'it\'s "q", x', "ü ñ 漢", "a@b:c;d&e=f", "a\\b"]
COMMAND = Path(sys.executable).with_name("charloom")
BARE = {"PATH": "/usr/local/bin:/usr/bin:/bin"}  # as without an activated environment
BEST = ("sample", "--model", "models:/charloom-fox@best", "--length", "20")


def asked(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=30) as answer:
        return answer.read().decode()


@pytest.mark.parametrize("name", ODD)
def test_everything_works_in_a_folder_of_any_name_and_after_it_was_moved(project, name, tmp_path):
    first = tmp_path / "first place" / name
    first.parent.mkdir()
    project = Project(project.folder.rename(first))
    project.edit("params.yaml", "seed: 1 ", "seed: 2 ")
    project.run("dvc", "repro")
    assert (project.folder / "mlflow.db").is_file()
    assert sorted(path.name for path in tmp_path.rglob("*.db")) == ["mlflow.db"]
    project = Project(project.folder.rename(tmp_path / name))
    text = project.run("charloom", "sample", "--length", "20")
    line = f"mlflow.db was made in {first}: its locations are now those of this folder\n"
    assert project.run("charloom", *BEST) == line + text
    port = free_port()
    pages = started(project, "charloom", "ui", "--port", str(port))
    try:
        until(lambda: "open http" in (project.folder / "printed.txt").read_text(), every=0.2)
        (run,) = (project.folder / "mlartifacts").glob("*/artifacts/sample_table.json")
        found = asked(port, f"get-artifact?run_id={run.parts[-3]}&path=sample_table.json")
        assert found == (project.folder / "reports/sample_table.json").read_text()
    finally:
        pages.terminate()
        pages.wait()
    assert {path.name for path in tmp_path.iterdir()} == {"first place", name}
    assert not list(first.parent.iterdir())


def test_no_command_needs_an_activated_environment(project):
    assert project.run(str(COMMAND), *BEST[:1], "--length", "20", **BARE)
    project.run(str(COMMAND), "score", "README.md", **BARE)
    project.run(str(COMMAND), "track", **BARE)
    assert project.run(str(COMMAND), *BEST, **BARE)
    assert project.run(str(COMMAND), "verify", **BARE).endswith("\nsame\n")
    port = free_port()
    pages = started(project, str(COMMAND), "ui", "--port", str(port), **BARE)
    try:
        until(lambda: "open http" in (project.folder / "printed.txt").read_text(), every=0.2)
    finally:
        pages.terminate()
        pages.wait()


def test_ui_sends_what_waits_and_says_so_before_its_link(project):
    project.run("python", "src/track.py", MLFLOW_TRACKING_URI=f"http://127.0.0.1:{free_port()}")
    (waits,) = (project.folder / ".charloom/spool").glob("*/files/SHA256SUMS")
    waits.write_text("{}")  # it cannot be sent
    pages = started(project, "charloom", "ui", "--port", str(free_port()))
    try:
        until(lambda: "open http" in (project.folder / "printed.txt").read_text(), every=0.2)
        before = (project.folder / "printed.txt").read_text().partition("open http")[0].splitlines()
        assert before[0] == "sending queued entries to MLflow"
        assert before[-2].startswith("not everything was sent to MLflow (")
    finally:
        pages.terminate()
        pages.wait()


def test_without_git_the_messages_name_it(project):
    shutil.rmtree(project.folder / ".git")
    for command in (("dvc", "repro"), ("charloom", "verify"), ("charloom", "track")):
        assert "not a git repository" in project.run(*command, expect=None).lower()
    assert len(project.runs()) == 0
