"""README's blocks, typed in order in a fresh clone, give what stands below them, on an older processor, too."""

import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from code_paths import ALL
from projects import ROOT, variables

from seedpairs.data_types import VERDICTS

README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A test does not start all tests.
CLEAN = 'test -z "$(git status --porcelain --untracked-files=no)"'
INSTEAD = {
    "make run ": f"make run; {CLEAN} ",
    "dvc metrics diff": "dvc metrics diff; cp reports/sample_table.json ../changed.json",
    "dvc checkout --force ": f"dvc checkout --force; {CLEAN} ",
    "git clone URL charloom": f"git clone --quiet {ROOT} charloom && git -C charloom checkout -qB main",
    "make test ": "true ",
    "charloom study new ": "head -c 90000 data/moby_dick.txt > data/my.txt; charloom study new ",
}
GIT = {f"GIT_{who}_{what}": "ann@example.invalid" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
MARK = "### block"


def blocks() -> list[tuple[str, str]]:
    """Return each block of commands, and the block of what it prints, if one stands below it."""
    fenced = [(found[1], found[2]) for found in FENCED.finditer(README)]
    pairs = pairwise([*fenced, ("sh", "")])
    return [(text, "" if kind else below) for (lang, text), (kind, below) in pairs if lang == "sh"]


def typed(commands: str) -> str:
    for line, instead in INSTEAD.items():
        commands = commands.replace(line, instead)
    return commands


def squeezed(line: str) -> str:
    return " ".join(line.split())


def test_readme_typed_in_order_into_one_shell_prints_what_it_shows(tmp_path):
    """Git is clean where README says so, with libm, OpenBLAS, NumPy and Numba without code for newer processors."""
    script = "".join(f"echo '{MARK}'\n{typed(commands)}" for commands, _ in blocks())
    kept = variables("DVC_", "MLFLOW_", "VIRTUAL_ENV")
    path = os.pathsep.join(p for p in kept["PATH"].split(os.pathsep) if not Path(p, "charloom").exists())
    own = GIT | {"PATH": path, "COLUMNS": "80", "PYTHON": sys.executable}
    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=tmp_path, env=kept | own | ALL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    printed = done.stdout.split(f"{MARK}\n")[1:]
    for (commands, below), found in zip(blocks(), printed, strict=True):
        lines = {squeezed(line) for line in found.splitlines()}
        for line in filter(None, map(squeezed, below.splitlines())):
            assert line in lines, (commands, line)
    (asked,) = (found for found in printed if "made studies/mine.yaml" in found)
    assert "6 trainings\na difference below 0.01 does not matter: " in asked
    assert (tmp_path / "charloom/studies/mine/report.html").exists()
    answer = asked.partition("Baseline: eta=0.1\n\n  ")[2].partition(":")[0]
    assert answer[:1].lower() + answer[1:] in VERDICTS
    tables = [tmp_path / name for name in ("charloom/reports/sample_table.json", "changed.json")]
    texts = "\n".join(row[1] for table in tables for row in json.loads(table.read_text(encoding="utf-8"))["data"])
    (shown,) = re.findall(r"^```text\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert [line for line in shown.splitlines() if line not in texts] == []


def test_a_picture_or_page_that_readme_names_is_there():
    for name in re.findall(r"\]\((?!http)([^)#]+)", README):
        assert (ROOT / name).exists(), name
