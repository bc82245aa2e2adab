"""Small projects of `charloom new`."""

from pathlib import Path

from projects import Project, called

from charloom.commands import cli

TEXT = "the quick brown fox jumps over the lazy dog, and naps. " * 40


def working_folder(folder: Path, monkeypatch) -> Path:
    """Make the folder the working folder, with a text and a program, and give Git a name."""
    monkeypatch.chdir(folder)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a test")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "test@example.invalid")
    (folder / "my.txt").write_text(TEXT)
    (folder / "my_rnn.py").write_text("x = 1\n")
    return folder


def new(*arguments: object) -> tuple[int, str, str]:
    """Return the exit code of `charloom new`, and what it prints to standard output and error."""
    return called(cli.main, "charloom", "new", *map(str, arguments))


def made(folder: Path, *arguments: object, **params: object) -> Project:
    """Return a new project with a small network and these params."""
    code, _, complaint = new(folder, "--text", "my.txt", *arguments)
    assert code == 0, complaint
    project = Project(folder.resolve())
    project.set(**{"m": 5, "updates": 50, "checkpoint_every": 50, "sample_length": 20} | params)
    return project
