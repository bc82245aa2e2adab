"""What was fetched is not executed, and what is not to be shared stays out of Git."""

import pytest
from projects import ROOT, said

MARK = "somebody_elses_code_ran"


def test_no_command_runs_the_code_of_an_experiment_or_puts_a_file_into_git(project):
    """An experiment that was pulled is a ref; its run is not in MLflow, which once made `track` run its track.py."""
    track = project.folder / "src/track.py"
    own = track.read_text()
    for name in ("track", "charloom/__init__"):
        path = project.folder / f"src/{name}.py"
        path.write_text(f"open({str(project.folder / MARK)!r}, 'w')\n" + path.read_text())
    project.run("git", "commit", "-qam", "an experiment")
    project.run("git", "update-ref", "refs/exps/00/11/pulled", "HEAD")
    project.run("git", "reset", "-q", "--hard", "HEAD~1")
    assert track.read_text() == own
    (project.folder / ".env").write_text("SECRET=sesame\n")
    asked = (("for-each-ref",), ("count-objects", "-v"), ("status", "--short"))
    before = [project.run("git", *words) for words in asked]
    said(project, "track")
    assert len(project.runs()) == 1
    assert not (project.folder / MARK).exists()
    assert before == [project.run("git", *words) for words in asked]


@pytest.fixture
def planted(project):
    """A project whose folder has code under the names of modules that commands import."""
    for name in ("mlflow", "types", "dvc/__init__", "dvc/__main__", "json", "random", "ruamel"):
        path = project.folder / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"import pathlib\npathlib.Path({MARK!r}).write_text(__name__)\n")
    return project


def test_code_of_a_folder_is_not_run_by_commands_that_only_read(planted):
    for code, command in (
        (0, "track"),
        (2, "compare"),  # there is one run
        (0, "verify"),
        (0, "summary --base HEAD"),
        (0, "sample --length 9"),
        (0, "score README.md"),
    ):
        planted.run("charloom", *command.split(), expect=code)
        assert not (planted.folder / MARK).exists(), command


def test_code_of_a_repository_is_not_run_by_its_summary(planted):
    planted.run("python", "-P", "-m", "dvc_summary", "--base", "HEAD", PYTHONPATH=str(ROOT / "src"))
    assert not (planted.folder / MARK).exists()
