"""Projects of `charloom new`."""

from pathlib import Path

import pytest
from projects import Project, called

from charloom.commands import cli

SMALL = {"m": 8, "updates": 50, "curve_every": 10, "length": 20}


def working_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the folder the working folder, and give Git a name."""
    monkeypatch.chdir(folder)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a test")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "test@example.invalid")
    return folder


def new(*arguments: object) -> tuple[int, str, str]:
    """Return the exit code of `charloom new`, and what it prints to standard output and error."""
    return called(cli.main, "charloom", "new", *map(str, arguments))


def made(folder: Path, *arguments: object) -> Project:
    """Return a new project with a small network and a short text."""
    code, _, complaint = new(folder, *arguments)
    assert code == 0, complaint
    project = Project(folder.resolve())
    (project.folder / "data/moby_dick.txt").write_text("the quick brown fox jumps over the lazy dog, and naps. " * 40)
    project.set(**SMALL)
    return project
