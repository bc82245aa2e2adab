"""docs/map.md, and a data file of a page, are what their commands write."""

import subprocess
import sys

from projects import ROOT


def test_the_map_has_every_source_file_with_its_first_sentence():
    page = (ROOT / "docs/map.md").read_text(encoding="utf-8")
    assert subprocess.check_output([sys.executable, "docs/map.py"], cwd=ROOT, text=True) == page
    files = {file.relative_to(ROOT) for file in (ROOT / "src").rglob("*.py") if not file.stem.startswith("__")}
    assert files == {file for file in files if f"(../{file})" in page}


def test_the_page_inside_has_the_faults_and_cases_of_rnncheck():
    written = subprocess.check_output([sys.executable, "docs/inside_checks.py"], cwd=ROOT, text=True)
    assert written == (ROOT / "src/charloom/pages/live/inside_checks.json").read_text(encoding="utf-8")
