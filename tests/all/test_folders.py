"""A checkout as users have it: of any name, moved, without activation, without Git; whole, with real commands."""

import sys
import urllib.request
from pathlib import Path

from projects import Project
from stores import ui

ODD = 'a?b%41c#d it\'s "q", x ü ñ 漢@e:f;g&h=i\\j'
COMMAND = str(Path(sys.executable).with_name("charloom"))
BARE = {"PATH": "/usr/local/bin:/usr/bin:/bin"}  # as without an activated environment
BEST = ("sample", "--model", "models:/charloom-fox@best", "--length", "20")


def test_the_project_works_in_any_folder_name_and_after_a_move_without_activation(project, tmp_path, compiled_before):
    first = tmp_path / "first place" / ODD
    first.parent.mkdir()
    project = Project(project.folder.rename(first))
    project.edit("params.yaml", "seed: 1 ", "seed: 2 ")
    project.run("dvc", "repro")
    project.run("git", "commit", "-q", "-a", "-m", "another seed")
    assert [*tmp_path.rglob("*.db")] == [first / "mlflow.db"]
    project = Project(project.folder.rename(tmp_path / ODD))
    text = project.run(COMMAND, "sample", "--length", "20", **BARE)
    (project.folder / "mlflow.db").rename(project.folder / "old.db")  # it holds the artifacts' old addresses
    (project.folder / "mlartifacts").rename(project.folder / "old_artifacts")
    project.run(COMMAND, "track", **BARE)
    assert project.run(COMMAND, *BEST, **BARE) == text
    project.run(COMMAND, "score", "README.md", **BARE)
    assert project.run(COMMAND, "verify", **BARE, **compiled_before).endswith("\nsame\n")

    with ui(project, COMMAND, **BARE) as (_, port):
        (run,) = (project.folder / "mlartifacts").glob("*/artifacts/sample_table.json")
        address = f"http://127.0.0.1:{port}/get-artifact?run_id={run.parts[-3]}&path=sample_table.json"
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert answer.read() == (project.folder / "reports/sample_table.json").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"first place", ODD}
    assert not list(first.parent.iterdir())
