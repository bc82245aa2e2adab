"""docs/map.md shows the source files as they are."""

import subprocess
import sys

from projects import ROOT


def test_the_map_has_every_source_file_with_its_first_sentence():
    page = (ROOT / "docs/map.md").read_text(encoding="utf-8")
    assert subprocess.check_output([sys.executable, "docs/map.py"], cwd=ROOT, text=True) == page
    files = {file.relative_to(ROOT) for file in (ROOT / "src").rglob("*.py") if not file.stem.startswith("__")}
    assert files == {file for file in files if f"(../{file})" in page}
