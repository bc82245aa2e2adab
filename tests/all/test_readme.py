"""README's blocks, typed in order in a fresh clone, give what stands below them: about five minutes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from projects import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A test does not start all tests, and waits for the queue as a reader would.
INSTEAD = {
    "git clone URL charloom": f"git clone --quiet {ROOT} charloom",
    "make test ": "true ",
    "dvc queue status ": "until [ $(dvc queue status | grep -c Success) = 6 ]; do sleep 2; done; true ",
}
MARK = "### block"


def blocks() -> list[tuple[str, str]]:
    """Return each block of commands, and the block of what it prints, if one stands below it."""
    fenced = [(found[1], found[2]) for found in FENCED.finditer(README)]
    shown = [*fenced[1:], ("sh", "")]
    return [
        (text, below if kind == "" else "")
        for (lang, text), (kind, below) in zip(fenced, shown, strict=True)
        if lang == "sh"
    ]


def typed(commands: str) -> str:
    for line, instead in INSTEAD.items():
        commands = commands.replace(line, instead)
    return commands


@pytest.fixture(scope="module")
def printed(tmp_path_factory) -> list[str]:
    """What each block prints, typed one after the other into one shell."""
    folder = tmp_path_factory.mktemp("readme")
    script = "".join(f"echo '{MARK}'\n{typed(commands)}" for commands, _ in blocks())
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_", "VIRTUAL_ENV"))
    }
    path = os.pathsep.join(p for p in kept["PATH"].split(os.pathsep) if not Path(p, "charloom").exists())
    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=folder, env=kept | {"PATH": path, "COLUMNS": "120", "PYTHON": sys.executable},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout.split(f"{MARK}\n")[1:]


def squeezed(line: str) -> str:
    return " ".join(line.split())


def test_a_block_prints_what_stands_below_it(printed):
    for (commands, below), found in zip(blocks(), printed, strict=True):
        lines = {squeezed(line) for line in found.splitlines()}
        for line in filter(None, map(squeezed, below.splitlines())):
            assert line in lines, (commands, line)


def test_the_tables_figures_are_those_of_the_queue(printed):
    (show,) = [found for (commands, _), found in zip(blocks(), printed, strict=True) if "dvc exp show" in commands]
    rows = re.findall(r"^\| .*\((?:0|10)\) \| (\S+) \| (\S+) \| (\S+) \|$", README, re.MULTILINE)
    assert len(rows) == 2
    for figure in (each for row in rows for each in row):
        assert re.search(rf"\b{re.escape(figure)}\d*\b", show), figure


def test_no_line_of_a_table_is_wider_than_a_terminal(printed):
    (show,) = [found for (commands, _), found in zip(blocks(), printed, strict=True) if "dvc exp show" in commands]
    assert max(map(len, show.splitlines())) <= 120


def test_a_picture_or_page_that_readme_names_is_there():
    for name in re.findall(r"\]\((?!http)([^)#]+)", README):
        assert (ROOT / name).exists(), name
