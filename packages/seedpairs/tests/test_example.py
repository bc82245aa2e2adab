"""The package by itself: README's example, and nothing of charloom."""

import re
import subprocess
import sys

from projects import ROOT

PACKAGE = ROOT / "packages/seedpairs/src/seedpairs"
FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HOUSE = ("charloom", "numba", "pandas", "matplotlib", "mlflow", "pydantic", "rich")


def test_the_example_prints_what_stands_below_it_where_there_is_no_charloom(tmp_path):
    example, printed = FENCED.findall((ROOT / "packages/seedpairs/README.md").read_text(encoding="utf-8"))
    (tmp_path / "seedpairs").symlink_to(PACKAGE)
    bare = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n"
    bare += f"sys.modules |= dict.fromkeys({HOUSE!r})\n"  # None there: its import is an error
    command = [sys.executable, "-I", "-c", bare + example]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (printed, "")


def test_no_sentence_is_about_text_models():
    for file in PACKAGE.glob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"params\.yaml|smooth loss|uniform guess|bits per character", text), file
