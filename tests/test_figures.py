"""Figures in prose are those that commands print."""

from contextlib import chdir
from runpy import run_path

import pytest
from projects import ROOT, STUDIES, called

from charloom.commands import cli


@pytest.mark.slow
def test_each_studys_page_has_the_table_of_its_answer():
    script = run_path(str(ROOT / "docs/answers.py"))
    assert {*script["PAGES"]} >= {study / "README.md" for study in STUDIES}
    assert [path for path in script["PAGES"] if script["page"](path) != path.read_text(encoding="utf-8")] == []


@pytest.mark.slow
def test_the_example_of_effects_has_lines_of_the_output():
    example = (ROOT / "docs/studies.md").read_text(encoding="utf-8").split("prints, among other lines:\n\n```\n")[1]
    with chdir(ROOT):
        _, printed, _ = called(cli.main, "charloom", "compare", "studies/recipe")
    assert {*example.partition("```")[0].splitlines()} <= {*printed.splitlines()}
