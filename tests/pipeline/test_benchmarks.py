"""Benchmarks are run by hand and seldom: what they take from charloom has to be there all the same."""

import ast

import pytest
from projects import ROOT


@pytest.mark.parametrize("script", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_what_a_benchmark_imports_from_charloom_is_there(script):
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("charloom"):
            exec(ast.unparse(node), {})  # noqa: S102  the import of a file of ours
