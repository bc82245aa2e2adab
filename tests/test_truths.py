"""The list of truths has each test of the suite once."""

import subprocess
import sys

from projects import ROOT


def test_the_list_has_each_test_by_its_file_and_marks_slow_ones():
    printed = subprocess.check_output([sys.executable, "tests/truths.py", "tests"], cwd=ROOT, text=True)
    assert "\ntests/test_truths.py\n  the list has each test by its file and marks slow ones\n" in printed
    assert "\n  pytest refuses the environment of another clone in a line (slow)\n" in printed
