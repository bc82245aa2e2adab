"""The data file of a page is what its command writes."""

import subprocess
import sys

from projects import ROOT


def test_the_page_inside_has_the_faults_and_cases_of_rnncheck():
    written = subprocess.check_output([sys.executable, "docs/inside_checks.py"], cwd=ROOT, text=True)
    assert written == (ROOT / "src/charloom/pages/live/inside_checks.json").read_text(encoding="utf-8")
