"""What import-linter does not see: modules that a string names, and what a benchmark imports."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from projects import ROOT

SRC = ROOT / "src"
MODULES = {
    ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(SRC.glob("charloom/**/*.py"))
}
LAYERS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
ROW = {room.strip(): number for number, row in enumerate(LAYERS) for room in row.split("|")}


def module_of(words: str) -> str | None:
    """Return the module that a dotted name in a string is, or is in: `tracking.ui.serve` is in charloom.tracking.ui."""
    for name in (words, f"charloom.{words}"):
        parts = name.split(".")
        for size in range(len(parts), 2, -1):
            if (module := ".".join(parts[:size])) in MODULES:
                return module
    return None


def by_string(path: Path) -> set[str]:
    """Return the modules that whole strings of the source name."""
    return {*filter(None, map(module_of, re.findall(r'"(\w+(?:\.\w+)+)"', path.read_text())))}


def test_no_string_points_upwards():
    upwards = [
        (name, module) for name, path in MODULES.items() for module in by_string(path)
        if name.count(".") > 1 and ROW[module.split(".")[1]] < ROW[name.split(".")[1]]
    ]  # fmt: skip
    assert upwards == []


@pytest.mark.parametrize("script", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_imports_of_the_benchmarks_from_charloom_exist(script):
    """Benchmarks are run by hand and seldom."""
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("charloom"):
            exec(ast.unparse(node), {})  # noqa: S102  the import of a file of ours


UNCHANGED = """
import gc, os, signal, sys
def state():
    variables = {name: value for name, value in os.environ.items() if "MLFLOW" not in name}
    return variables, signal.getsignal(signal.SIGINT), gc.get_threshold()
before = state()
for name in sys.argv[1:]:
    __import__(name)
    assert "charloom.core.runtime.program" not in sys.modules, name
    assert state() == before, name
"""
PREPARES = re.compile(r"^from charloom.core.runtime.(program|stage) ", re.MULTILINE)


@pytest.mark.slow
def test_importing_a_package_has_no_side_effects():
    """Programs are apart: they prepare their process, and another program does not import them."""
    programs = [name for name, path in MODULES.items() if PREPARES.search(path.read_text())]
    programs += ["charloom.core.runtime.program", "charloom.core.runtime.stage"]
    others = [name for name in MODULES if name not in programs and not name.endswith("__main__")]
    assert len(others) > 100
    subprocess.run([sys.executable, "-c", UNCHANGED, *others], check=True)
