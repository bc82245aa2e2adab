"""Small DVC projects for tests, each in a Git repository of its own, and edits of them."""

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from dvc_proof.cli import main

NAMED = ("-c", "user.name=ann", "-c", "user.email=ann@example.invalid")
WORDS = """\
stages:
  words:
    cmd: tr a-z A-Z < raw.txt > words.txt
    deps: [raw.txt]
    outs: [words.txt]
  count:
    cmd: python count.py
    deps: [count.py, words.txt]
    params: [times]
    metrics: [count.json: {cache: false}]
  split:
    cmd: mkdir -p parts && split -l 1 words.txt parts/
    deps: [words.txt]
    outs: [parts]
"""
COUNT = """\
import json, re
times = int(re.search(r"times: (\\d+)", open("params.yaml").read())[1])
json.dump({"words": times * len(open("words.txt").read().split()), "no": float("nan")}, open("count.json", "w"))
"""
FILES = {
    "dvc.yaml": WORDS, "count.py": COUNT, "raw.txt": "some words here\nand more\n", "params.yaml": "times: 2\n",
    "table.csv": "a,b\n1,2\n",
}  # fmt: skip
SHOWN = "metrics: [extra.json]\nstages:\n"


class Repository:
    """A folder in a Git repository, with a DVC project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *command: str, expect: int = 0, **variables: str) -> str:
        """Run a command here, with this Python first on PATH, and return all that it prints."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_", "PYTEST_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
        done = subprocess.run(
            command, cwd=self.folder, env=kept | {"PATH": path} | variables, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == expect, done.stdout
        return done.stdout

    def write(self, **files: str) -> None:
        """Write files; in a name, `__` stands for a dot and `_in_` for a slash."""
        for name, content in files.items():
            path = self.folder / name.replace("__", ".").replace("_in_", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8", newline="")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that has to be in the file."""
        content = (self.folder / name).read_text()
        assert old in content, content
        (self.folder / name).unlink()  # the cache may have a link to it
        (self.folder / name).write_text(content.replace(old, new))

    def relock(self, path: str, content: bytes | None = None, lock: str = "dvc.lock") -> None:
        """Write the hash and size of this content, by default that of the file, into a dvc.lock or .dvc file."""
        content = (self.folder / path).read_bytes() if content is None else content
        digest, file = hashlib.md5(content, usedforsecurity=False).hexdigest(), self.folder / lock
        name = f"path: {re.escape(Path(path).name if lock.endswith('.dvc') else path)}\n"
        measures = (
            r"( *- md5: )\w+(\n +size: )\d+(\n +hash: md5\n +{})"
            if lock.endswith(".dvc")
            else r"({} +hash: md5\n +md5: )\w+(\n +size: )\d+()"
        )
        pattern = measures.replace("{}", name)
        text, count = re.subn(
            pattern, rf"\g<1>{digest}\g<2>{len(content)}\g<3>", file.read_text() + "\n" * lock.endswith(".dvc")
        )
        assert count, file.read_text()
        file.write_text(text)

    def commit(self, message: str = "a commit") -> str:
        """Commit everything, and return the commit."""
        self.run("git", "add", "-A")
        self.run("git", *NAMED, "commit", "-q", "--allow-empty", "-m", message)
        return self.run("git", "rev-parse", "HEAD").strip()

    def copied(self, folder: Path) -> "Repository":
        """Return a copy of it in the folder."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Repository(folder)

    def proof(self, *arguments: str, expect: int = 0) -> str:
        """Return what `dvc-proof` prints, and check its exit code. It runs in this process: importing DVC is slow."""
        printed = io.StringIO()
        argv = patch.object(sys, "argv", ["dvc-proof", *arguments])
        with chdir(self.folder), redirect_stdout(printed), redirect_stderr(printed), argv:
            try:
                main()
            except SystemExit as ended:
                assert ended.code == expect, printed.getvalue()  # noqa: PT017  the exit is expected; its code is checked
        return printed.getvalue()


def made(folder: Path, files: dict[str, str], *data: str) -> Repository:
    """Return a project with these files, of which DVC tracks `data`; it has run, and is committed."""
    repository = Repository(folder)
    folder.mkdir(parents=True, exist_ok=True)
    repository.run("git", "init", "-q", "-b", "main")
    repository.run("dvc", "init", "-q")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8", newline="")
    if data:
        repository.run("dvc", "add", "-q", *data)
    repository.run("dvc", "repro", "-q", "--all-pipelines")
    repository.commit()
    return repository


def edit(*edits: tuple[str, str, str]):
    def plant(project: Repository) -> None:
        for name, old, new in edits:
            project.edit(name, old, new)

    return plant


def table_in_git(project, content="a,b\n1,3\n"):
    """Git has the data, and its .dvc file has the hash of other data."""
    (project.folder / ".gitignore").unlink()
    (project.folder / "table.csv").unlink()
    project.write(table__csv=content, __gitignore="words.txt\nparts\n")
    project.run("git", "add", "-f", "table.csv")


def without_lock_of_count(project):
    lock = project.folder / "dvc.lock"
    lock.write_text(re.sub(r"  count:\n(    .*\n)+", "", lock.read_text()))


def both(*plants):
    def plant(project):
        for one in plants:
            one(project)

    return plant
